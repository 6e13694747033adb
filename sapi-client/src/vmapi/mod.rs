//! VMAPI, Triton's API for virtual machines: Manta's zones, and the jobs that change them.

pub mod request;

mod job;
mod list;
mod types;

pub use job::{Ended, JobError, TaskError, Wait};
pub use request::{ListState, VmFilter, VmPage};
pub use types::{Accepted, Alias, ChainResult, Execution, InvalidAlias, Job, Nic, Vm, VmState};

use crate::http::error::Error;
use crate::http::{BaseUrl, Client, Settings, Transport};
use crate::ids::{ImageUuid, InstanceUuid, JobUuid};

/// A client of one datacenter's VMAPI.
///
/// A call that changes a VM returns when the change is only *accepted*: follow the job ([`wait_for_job`](Self::wait_for_job)).
#[derive(Clone, Debug)]
pub struct Vmapi<T>(Client<T>);

/// The outcome of a wish for an alias or an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VmChange {
    /// The VM has it already.
    Already,
    /// A job sets it.
    Accepted(Accepted),
}

impl<T: Transport> Vmapi<T> {
    /// A client of the VMAPI at this address.
    pub fn new(base: BaseUrl, transport: T, settings: Settings) -> Self {
        Self(Client::new("VMAPI", base, transport, settings))
    }

    /// The client below, to run [calls](crate::Call) made by [`request`].
    pub fn client(&self) -> &Client<T> {
        &self.0
    }

    /// A VM, also one that was destroyed: [`Vm::exists`] tells.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn get_vm(&self, uuid: InstanceUuid) -> Result<Vm, Error> {
        self.0.run(&request::get_vm(uuid)).await
    }

    /// A job.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn get_job(&self, uuid: JobUuid) -> Result<Job, Error> {
        self.0.run(&request::get_job(uuid)).await
    }

    /// Gives a VM an alias, unless it has it.
    ///
    /// VMAPI calls an alias a duplicate also where it is this VM's own. So the VM is looked at before, and again where
    /// VMAPI says so: an error of code `Duplicate` from here is a clash with another VM of the owner.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn set_alias(&self, uuid: InstanceUuid, alias: &Alias) -> Result<VmChange, Error> {
        if self.has_alias(uuid, alias).await? {
            return Ok(VmChange::Already);
        }
        match self.0.run(&request::set_alias(uuid, alias)).await {
            Ok(accepted) => Ok(VmChange::Accepted(accepted)),
            Err(error) if is_duplicate_alias(&error) && self.has_alias(uuid, alias).await? => {
                Ok(VmChange::Already)
            }
            Err(error) => Err(error),
        }
    }

    async fn has_alias(&self, uuid: InstanceUuid, alias: &Alias) -> Result<bool, Error> {
        Ok(self.get_vm(uuid).await?.alias.as_deref() == Some(alias.as_str()))
    }

    /// Starts a VM. The job ends well also where it runs already.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn start(&self, uuid: InstanceUuid) -> Result<Accepted, Error> {
        self.0.run(&request::start(uuid)).await
    }

    /// Stops a VM. The job ends well also where it is stopped already.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn stop(&self, uuid: InstanceUuid) -> Result<Accepted, Error> {
        self.0.run(&request::stop(uuid)).await
    }

    /// Reboots a VM.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn reboot(&self, uuid: InstanceUuid) -> Result<Accepted, Error> {
        self.0.run(&request::reboot(uuid)).await
    }

    /// Gives a VM another image, unless it has it. To reprovision with the image that a VM has, run
    /// [`request::reprovision`].
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn reprovision(
        &self,
        uuid: InstanceUuid,
        image: ImageUuid,
    ) -> Result<VmChange, Error> {
        if self.get_vm(uuid).await?.image_uuid == Some(image) {
            return Ok(VmChange::Already);
        }
        self.0.run(&request::reprovision(uuid, image)).await.map(VmChange::Accepted)
    }
}

/// Tells whether VMAPI says that a VM of the owner has the alias: this one, or another.
fn is_duplicate_alias(error: &Error) -> bool {
    error.status() == Some(409)
        && error.field_errors().iter().any(|field| {
            field.field.as_deref() == Some("alias") && field.code.as_deref() == Some("Duplicate")
        })
}
