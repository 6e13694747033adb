//! SAPI, Triton's services API: applications, services, instances, and their configuration.

pub mod request;

mod change;
mod new;
mod types;

pub use change::{Action, ApplicationChange, Change, Sections};
pub use new::{NewApplication, NewInstance, NewManifest, NewService};
pub use request::{ApplicationFilter, InstanceFilter, ServiceFilter};
pub use types::{Application, Configs, Instance, Manifest, Mode, Ping, Service, ServiceKind};

use std::collections::HashMap;
use std::hash::Hash;

use crate::attributes::Attributes;
use crate::http::error::{Error, ErrorKind, Unreadable};
use crate::http::{BaseUrl, Call, Client, Settings, Transport};
use crate::ids::{ApplicationUuid, ImageUuid, InstanceUuid, ManifestUuid, ServiceUuid};

/// A client of one datacenter's SAPI.
///
/// Every call fails with [`Error`].
#[derive(Clone, Debug)]
pub struct Sapi<T>(Client<T>);

impl<T: Transport> Sapi<T> {
    /// A client of the SAPI at this address.
    pub fn new(base: BaseUrl, transport: T, settings: Settings) -> Self {
        Self(Client::new("SAPI", base, transport, settings))
    }

    /// The client below, to run [calls](Call) made by [`request`].
    pub fn client(&self) -> &Client<T> {
        &self.0
    }

    /// SAPI's health. It answers 500 where its store cannot be used.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn ping(&self) -> Result<Ping, Error> {
        self.0.run(&request::ping()).await
    }

    /// SAPI's mode.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn mode(&self) -> Result<Mode, Error> {
        self.0.run(&request::get_mode()).await
    }

    /// The applications that the filter admits, in no order, each once.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn list_applications(
        &self,
        filter: &ApplicationFilter,
    ) -> Result<Vec<Application>, Error> {
        self.list(&request::list_applications(filter), |a| a.uuid, |a| filter.matches(a)).await
    }

    /// The services that the filter admits, in no order, each once.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn list_services(&self, filter: &ServiceFilter) -> Result<Vec<Service>, Error> {
        self.list(&request::list_services(filter), |s| s.uuid, |s| filter.matches(s)).await
    }

    /// The instances that the filter admits, in no order, each once.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn list_instances(&self, filter: &InstanceFilter) -> Result<Vec<Instance>, Error> {
        self.list(&request::list_instances(filter), |i| i.uuid, |i| filter.matches(i)).await
    }

    /// All manifests, in no order, each once.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn list_manifests(&self, include_master: bool) -> Result<Vec<Manifest>, Error> {
        self.list(&request::list_manifests(include_master), |m| m.uuid, |_| true).await
    }

    /// SAPI ignores filters that are empty or that it does not know, and joins its own list and the master's as they
    /// come: what is returned is what was asked for.
    async fn list<A: PartialEq, K: Copy + Eq + Hash + std::fmt::Display>(
        &self,
        call: &Call<Vec<A>>,
        key: fn(&A) -> K,
        matches: impl Fn(&A) -> bool,
    ) -> Result<Vec<A>, Error> {
        let listed = self.0.run(call).await?;
        let mut places: HashMap<K, usize> = HashMap::new();
        let mut unique: Vec<A> = Vec::with_capacity(listed.len());
        for object in listed.into_iter().filter(matches) {
            let key = key(&object);
            match places.get(&key).and_then(|place| unique.get(*place)) {
                None => {
                    places.insert(key, unique.len());
                    unique.push(object);
                }
                Some(same) if *same == object => {}
                Some(_) => {
                    let kind = ErrorKind::Unreadable(Unreadable::Contradiction(key.to_string()));
                    return Err(self.0.error(&call.request, "above", kind));
                }
            }
        }
        Ok(unique)
    }

    /// An application, of this datacenter or the master.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn get_application(&self, uuid: ApplicationUuid) -> Result<Application, Error> {
        self.0.run(&request::get_application(uuid)).await
    }

    /// A service, of this datacenter or the master.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn get_service(&self, uuid: ServiceUuid) -> Result<Service, Error> {
        self.0.run(&request::get_service(uuid)).await
    }

    /// An instance, of this datacenter or the master. That it is there does not mean that its zone is: ask VMAPI.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn get_instance(&self, uuid: InstanceUuid) -> Result<Instance, Error> {
        self.0.run(&request::get_instance(uuid)).await
    }

    /// A manifest.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn get_manifest(&self, uuid: ManifestUuid) -> Result<Manifest, Error> {
        self.0.run(&request::get_manifest(uuid)).await
    }

    /// The payload that VMAPI would be given to make the instance's zone.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn get_payload(&self, uuid: InstanceUuid) -> Result<Attributes, Error> {
        self.0.run(&request::get_payload(uuid)).await
    }

    /// The configuration that the zone's config-agent is given; `None` if it is still what had the `Etag` `known`.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn get_configs(
        &self,
        uuid: InstanceUuid,
        known: Option<&str>,
    ) -> Result<Option<Configs>, Error> {
        self.0.run(&request::get_configs(uuid, known)).await
    }

    /// Makes an application.
    ///
    /// # Errors
    ///
    /// [`Error`]; where there is one of this UUID, which SAPI would overwrite, [`ErrorKind::Refused`].
    pub async fn create_application(&self, new: &NewApplication) -> Result<Application, Error> {
        let call = request::create_application(new);
        if let Some(uuid) = new.uuid {
            self.ensure_absent(&call, &request::get_application(uuid)).await?;
        }
        self.0.run(&call).await
    }

    /// Makes a service.
    ///
    /// # Errors
    ///
    /// [`Error`]; where there is one of this UUID, which SAPI would overwrite, [`ErrorKind::Refused`].
    pub async fn create_service(&self, new: &NewService) -> Result<Service, Error> {
        let call = request::create_service(new);
        if let Some(uuid) = new.uuid {
            self.ensure_absent(&call, &request::get_service(uuid)).await?;
        }
        self.0.run(&call).await
    }

    /// Makes an instance and, in full mode, its zone.
    ///
    /// If the outcome is unknown, look for the UUID in SAPI *and* VMAPI. To call it again would answer 200 as soon as
    /// VMAPI knows the UUID, in whatever state the zone is.
    ///
    /// # Errors
    ///
    /// [`Error`]; where there is one of this UUID, which SAPI would overwrite or, if making the zone fails, remove,
    /// [`ErrorKind::Refused`].
    pub async fn create_instance(&self, new: &NewInstance) -> Result<Instance, Error> {
        let call = request::create_instance(new);
        self.ensure_absent(&call, &request::get_instance(new.uuid)).await?;
        self.0.run(&call).await
    }

    /// Makes a manifest.
    ///
    /// # Errors
    ///
    /// [`Error`]; where there is one of this UUID, which SAPI would overwrite, [`ErrorKind::Refused`].
    pub async fn create_manifest(&self, new: &NewManifest) -> Result<Manifest, Error> {
        let call = request::create_manifest(new);
        if let Some(uuid) = new.uuid {
            self.ensure_absent(&call, &request::get_manifest(uuid)).await?;
        }
        self.0.run(&call).await
    }

    async fn ensure_absent<A, B>(&self, create: &Call<A>, get: &Call<B>) -> Result<(), Error> {
        match self.0.run(get).await {
            Ok(_) => Err(self.0.refuse(
                &create.request,
                format!("{} exists already, and SAPI would overwrite it", get.request.path()),
            )),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Changes an application. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn change_application(
        &self,
        uuid: ApplicationUuid,
        change: impl Into<ApplicationChange>,
    ) -> Result<Application, Error> {
        let change = change.into();
        self.0.run(&request::change_application(uuid, &change)).await
    }

    /// Changes a service. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn change_service(
        &self,
        uuid: ServiceUuid,
        change: &Change,
    ) -> Result<Service, Error> {
        self.0.run(&request::change_service(uuid, change)).await
    }

    /// Changes an instance. Safe to repeat. The zone itself is not changed: for its alias or image ask VMAPI too.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn change_instance(
        &self,
        uuid: InstanceUuid,
        change: &Change,
    ) -> Result<Instance, Error> {
        self.0.run(&request::change_instance(uuid, change)).await
    }

    /// Removes an application. SAPI does not look whether it has services.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn delete_application(&self, uuid: ApplicationUuid) -> Result<(), Error> {
        self.0.run(&request::delete_application(uuid)).await
    }

    /// Removes a service. SAPI does not look whether it has instances.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn delete_service(&self, uuid: ServiceUuid) -> Result<(), Error> {
        self.0.run(&request::delete_service(uuid)).await
    }

    /// Removes an instance and destroys its zone. Where VMAPI no longer knows the zone it is a 404, and SAPI keeps the
    /// instance.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn delete_instance(&self, uuid: InstanceUuid) -> Result<(), Error> {
        self.0.run(&request::delete_instance(uuid)).await
    }

    /// Removes a manifest. SAPI does not look whether it is in use.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn delete_manifest(&self, uuid: ManifestUuid) -> Result<(), Error> {
        self.0.run(&request::delete_manifest(uuid)).await
    }

    /// Gives an instance's zone another image and waits for it.
    ///
    /// SAPI closes the connection without a word after two minutes while the job goes on, for which VMAPI allows three
    /// and a half: [`Error::outcome_unknown`]. Then ask VMAPI for the zone's image and state, and do not call this again
    /// blindly. The answer's `params.image_uuid` is the old one, always.
    ///
    /// # Errors
    ///
    /// [`Error`]; for an instance that is an agent, on which SAPI would crash, [`ErrorKind::Refused`].
    pub async fn reprovision(
        &self,
        uuid: InstanceUuid,
        image: ImageUuid,
    ) -> Result<Instance, Error> {
        let call = request::reprovision(uuid, image);
        let instance = self.get_instance(uuid).await?;
        if instance.kind == Some(ServiceKind::Agent) {
            return Err(self.0.refuse(&call.request, "the instance is an agent, not a zone"));
        }
        self.0.run(&call).await
    }
}
