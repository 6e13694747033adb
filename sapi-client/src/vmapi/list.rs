//! Listing VMs page by page.

use std::collections::HashSet;

use crate::http::Transport;
use crate::http::error::{Error, ErrorKind, Unreadable};
use crate::ids::InstanceUuid;
use crate::vmapi::{Vm, VmFilter, Vmapi, request};

/// The most that VMAPI gives at once.
const PAGE: u32 = 1000;
/// VMs that come and go while the pages are read shift the others between pages; then the list is read again.
const TRIES: u32 = 5;

impl<T: Transport> Vmapi<T> {
    /// The VMs that the filter admits, each once.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`Unreadable::Listing`] where the list kept changing while it was read.
    pub async fn list_vms(&self, filter: &VmFilter) -> Result<Vec<Vm>, Error> {
        self.list_vms_by(filter, PAGE).await
    }

    /// The same with pages of at most so many VMs.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`Unreadable::Listing`] where the list kept changing while it was read.
    pub async fn list_vms_by(&self, filter: &VmFilter, page: u32) -> Result<Vec<Vm>, Error> {
        let page = page.clamp(1, PAGE);
        for _ in 1..TRIES {
            match self.list_once(filter, page).await? {
                Ok(vms) => return Ok(vms),
                Err(problem) => tracing::warn!(problem, "listing the VMs again"),
            }
        }
        self.list_once(filter, page).await?.map_err(|problem| {
            let kind = ErrorKind::Unreadable(Unreadable::Listing(problem));
            self.client().error(&request::list_vms(filter, page, 0).request, "above", kind)
        })
    }

    /// The inner error: the pages do not make up a list.
    async fn list_once(
        &self,
        filter: &VmFilter,
        page: u32,
    ) -> Result<Result<Vec<Vm>, String>, Error> {
        let mut seen: HashSet<InstanceUuid> = HashSet::new();
        let mut vms = Vec::new();
        let mut offset = 0;
        loop {
            let listed = self.client().run(&request::list_vms(filter, page, offset)).await?;
            let count = listed.vms.len();
            offset += count as u64;
            for vm in listed.vms {
                if !seen.insert(vm.uuid) {
                    return Ok(Err(format!("the VM {} came twice", vm.uuid)));
                }
                vms.push(vm);
            }
            if count < page as usize {
                if let Some(total) = listed.total.filter(|total| *total != offset) {
                    return Ok(Err(format!("{offset} VMs came where VMAPI counts {total}")));
                }
                vms.retain(|vm| filter.matches(vm));
                return Ok(Ok(vms));
            }
        }
    }
}
