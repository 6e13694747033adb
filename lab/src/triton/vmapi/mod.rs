//! VMAPI 9.16.0: the zones as virtual machines, and the jobs that change them.

mod actions;
mod answers;
mod jobs;
mod list;
mod provision;
#[cfg(test)]
mod tests;
mod vm;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

pub(crate) use self::jobs::Job;
pub use self::jobs::{JobFault, JobTask};
use self::vm::{Phase, Vm};
use super::http::{
    Answer, Api, ApiRequest, ApiServer, BODY_LIMIT, FaultPoint, Profile, RouteEntry, Versions,
};
use super::store::{Document, StoreError};
use crate::layout::ZoneSpec;
use crate::zones::Zones;

/// The settings of VMAPI.
#[derive(Clone, Debug)]
pub(crate) struct VmapiOptions {
    /// The time for which a job waits before it does anything.
    pub(crate) job_duration: Duration,
    /// IMGAPI's URL: what it does not know cannot be provisioned. `None`: only images of the lab's layout can.
    pub(crate) imgapi: Option<String>,
}

/// An emulated VMAPI over the zones of a lab.
pub(crate) struct Vmapi {
    zones: Zones,
    options: VmapiOptions,
    document: Document,
    state: Mutex<State>,
    client: reqwest::Client,
    /// One job at a time per zone, as the tickets of CNAPI have it.
    tickets: Mutex<BTreeMap<Uuid, Arc<tokio::sync::Mutex<()>>>>,
    /// Jobs that are to fail.
    job_faults: Mutex<Vec<JobFault>>,
    /// The time by which jobs of a task take longer than usual.
    job_delays: watch::Sender<BTreeMap<JobTask, Duration>>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    vms: BTreeMap<Uuid, Vm>,
    jobs: BTreeMap<Uuid, Job>,
}

/// VMAPI's routes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route {
    Ping,
    ListVms,
    CreateVm,
    GetVm,
    UpdateVm,
    DeleteVm,
    ListJobs,
    ListVmJobs,
    GetJob,
    WaitJob,
}

const ROUTES: &[RouteEntry<Route>] = &[
    RouteEntry::new(Method::GET, "/ping", Route::Ping),
    RouteEntry::new(Method::GET, "/vms", Route::ListVms),
    RouteEntry::new(Method::POST, "/vms", Route::CreateVm),
    RouteEntry::new(Method::GET, "/vms/:uuid", Route::GetVm),
    RouteEntry::new(Method::POST, "/vms/:uuid", Route::UpdateVm),
    RouteEntry::new(Method::DELETE, "/vms/:uuid", Route::DeleteVm),
    RouteEntry::new(Method::GET, "/vms/:uuid/jobs", Route::ListVmJobs),
    RouteEntry::new(Method::GET, "/jobs", Route::ListJobs),
    RouteEntry::new(Method::GET, "/jobs/:uuid", Route::GetJob),
    RouteEntry::new(Method::GET, "/jobs/:uuid/wait", Route::WaitJob),
];

const VERSIONS: Versions = Versions { known: &[[9, 16, 0]], absent: "*" };

impl Vmapi {
    /// The VMAPI whose state is in `directory`. What was going on when it was written will not go on.
    ///
    /// # Errors
    /// The state cannot be read.
    pub(crate) fn open(
        directory: &Path,
        zones: Zones,
        options: VmapiOptions,
    ) -> Result<Arc<Self>, StoreError> {
        let document = Document::new(directory.join("state.json"));
        let mut state: State = document.load()?.unwrap_or_default();
        for vm in state.vms.values_mut().filter(|vm| vm.phase == Phase::Provisioning) {
            vm.phase = Phase::Failed;
        }
        for job in state.jobs.values_mut() {
            job.give_up();
        }
        Ok(Arc::new(Self {
            zones,
            options,
            document,
            state: Mutex::new(state),
            client: reqwest::Client::new(),
            tickets: Mutex::default(),
            job_faults: Mutex::default(),
            job_delays: watch::Sender::new(BTreeMap::new()),
        }))
    }

    /// Has zones that were not made by a job: those that a lab begins with. Known ones stay as they are.
    ///
    /// # Errors
    /// The state cannot be written.
    pub(crate) fn adopt(&self, owner: Uuid, zones: &[ZoneSpec]) -> Result<(), StoreError> {
        let mut state = self.state();
        for spec in zones {
            state.vms.entry(spec.uuid).or_insert_with(|| Vm::of_zone(spec, owner));
        }
        self.document.save(&*state)
    }

    /// Serves it on an address.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub(crate) async fn serve(
        self: &Arc<Self>,
        address: SocketAddr,
        faults: FaultPoint,
    ) -> io::Result<ApiServer> {
        ApiServer::start(address, Arc::new(Served(Arc::clone(self))), faults).await
    }

    /// Has the next job of a task fail.
    pub(crate) fn fail_next(&self, fault: JobFault) {
        self.job_faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    /// The failures of jobs that have not happened yet.
    pub(crate) fn job_faults(&self) -> Vec<JobFault> {
        self.job_faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Rolls back what [`Self::fail_next`] was told, if it has not happened yet.
    pub(crate) fn forgive(&self, fault: &JobFault) {
        let mut faults = self.job_faults.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = faults.iter().position(|waiting| waiting == fault) {
            faults.remove(index);
        }
    }

    /// Has jobs of a task take longer. `None`: no longer; those that are waiting go on.
    pub(crate) fn delay(&self, task: JobTask, by: Option<Duration>) {
        self.job_delays.send_modify(|delays| {
            match by {
                Some(by) => delays.insert(task, by),
                None => delays.remove(&task),
            };
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and writes it down.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        if let Err(error) = self.document.save(&*state) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "VMAPI's state is not written"
            );
        }
        result
    }

    /// A VM of a path: 409 when its uuid is none, 404 when it is not there.
    fn find(&self, request: &ApiRequest) -> Result<Vm, Answer> {
        let uuid = request.parameter("uuid");
        let uuid: Uuid =
            parse_uuid(uuid).ok_or_else(|| answers::invalid("uuid", "Invalid UUID"))?;
        self.state().vms.get(&uuid).cloned().ok_or_else(answers::vm_not_found)
    }

    fn get_vm(&self, request: &ApiRequest) -> Result<Answer, Answer> {
        let vm = self.find(request)?;
        if let Some(owner) = request.query.get("owner_uuid")
            && vm.text("owner_uuid") != Some(owner)
        {
            return Err(answers::vm_not_found());
        }
        let object = vm.object(&self.zones);
        Ok(Answer::json(StatusCode::OK, &list::only(object, request.query.get("fields"))))
    }
}

/// A UUID as Triton's services take it: with hyphens. Of the letters' case they do not care.
fn parse_uuid(text: &str) -> Option<Uuid> {
    text.parse().ok().filter(|_| text.len() == 36)
}

/// VMAPI as its server has it: jobs outlive the requests that start them.
struct Served(Arc<Vmapi>);

impl Api for Served {
    type Route = Route;

    fn profile(&self) -> Profile<Route> {
        Profile {
            server: "VMAPI/9.16.0",
            routes: ROUTES,
            versions: Some(VERSIONS),
            indented: false,
            response_time: true,
            body_limit: BODY_LIMIT,
        }
    }

    async fn handle(&self, route: Route, request: ApiRequest) -> Answer {
        let vmapi = &self.0;
        let answered = match route {
            Route::Ping => Ok(Answer::json(StatusCode::OK, &ping())),
            Route::ListVms => vmapi.list_vms(&request),
            Route::CreateVm => vmapi.create_vm(&request).await,
            Route::GetVm => vmapi.get_vm(&request),
            Route::UpdateVm => vmapi.update_vm(&request).await,
            Route::DeleteVm => vmapi.delete_vm(&request).await,
            Route::ListJobs => vmapi.list_jobs(&request),
            Route::ListVmJobs => vmapi.find(&request).and_then(|_| vmapi.list_jobs(&request)),
            Route::GetJob => vmapi.get_job(&request),
            Route::WaitJob => vmapi.wait_job(&request).await,
        };
        answered.unwrap_or_else(|refusal| refusal)
    }
}

fn ping() -> Value {
    json!({
        "pingErrors": {},
        "pid": std::process::id(),
        "status": "OK",
        "initialization": {"moray": {"status": "BUCKETS_REINDEX_DONE"}},
        "dataMigrations": {"latestCompletedMigrations": {"vms": 1}},
    })
}
