//! Starting a lab, step by step.

use std::fs;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fash::{Pnode, Ring};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::builder::Claim;
use super::error::{Cause, LabError};
use super::faults::Faults;
use super::ready::Wait;
use super::{Lab, images, ring, summary};
use crate::address::ZOOKEEPER_PORT;
use crate::control::{ControlServer, Hooks, Refusal};
use crate::directory::LabDirectory;
use crate::fault::{ActiveFault, Fault};
use crate::layout::{Layout, ZoneSpec};
use crate::programs::Programs;
use crate::role::Role;
use crate::seed::{self, ShardKind};
use crate::triton::cnapi::Cnapi;
use crate::triton::http::{ApiFaults, ApiName, ApiServer};
use crate::triton::imgapi::{Imgapi, ImgapiOptions};
use crate::triton::sapi::{Population, Sapi, SapiOptions};
use crate::triton::vmapi::{Vmapi, VmapiOptions};
use crate::zones::{Manifest, Settings, Zones};
use crate::zookeeper::ZooKeeperServer;

/// The longest that any step may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// Objects that are loaded in a second at the least.
const LOADED_PER_SECOND: u64 = 1000;
/// The time that services have to end. What they hold is not precious to anybody but the lab itself.
const STOP: Duration = Duration::from_secs(4);

/// The abilities of the control API beyond zones.
struct Control {
    faults: Arc<Faults>,
    stop: watch::Sender<bool>,
}

impl Hooks for Control {
    async fn faults(&self) -> Vec<ActiveFault> {
        self.faults.list().await
    }

    async fn cause(&self, fault: Fault) -> Result<ActiveFault, Refusal> {
        self.faults.cause(fault).await.map_err(|error| Refusal::bad(error.to_string()))
    }

    async fn heal(&self, id: Option<u64>) -> Result<Vec<ActiveFault>, Refusal> {
        self.faults.heal(id).await.map_err(|error| Refusal::bad(error.to_string()))
    }

    fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// The emulated APIs that listen.
pub(super) struct Apis {
    servers: Vec<ApiServer>,
}

/// The emulated APIs that can be broken from within.
pub(super) struct Emulated {
    pub(super) imgapi: Arc<Imgapi>,
    pub(super) vmapi: Arc<Vmapi>,
    pub(super) cnapi: Arc<Cnapi>,
}

impl Apis {
    pub(super) async fn stop(self) {
        for server in self.servers {
            server.stop().await;
        }
    }
}

/// Starts a lab whose directory and addresses are claimed, unless it is interrupted.
pub(super) async fn start(
    claim: Claim,
    mut interrupted: Pin<&mut (dyn Future<Output = ()> + Send)>,
) -> Result<Lab, LabError> {
    let Claim { layout, directory, temporary, is_new, lock, control, programs, on_progress } =
        claim;
    let layout = Arc::new(layout);

    on_progress("starting ZooKeeper");
    let zookeeper = tokio::select! {
        started = start_zookeeper(&layout, &directory, &programs) => started?,
        () = &mut interrupted => return Err(LabError::Interrupted),
    };

    on_progress("starting SAPI, IMGAPI, VMAPI and CNAPI");
    let settings = Settings {
        stop_timeout: STOP,
        tools: crate::tools::names().collect(),
        tool_paths: crate::tools::paths().map(|(path, _)| path).collect(),
        ..Settings::default()
    };
    let zones = Zones::open(directory.clone(), (*layout).clone(), settings)
        .map_err(|source| LabError::part("the zones' keeper")(source.into()))?;
    let faults = ApiFaults::default();
    let (apis, emulated) = start_apis(&layout, &directory, &zones, &faults).await?;
    let faults = Arc::new(Faults::new(zones.clone(), faults, emulated, zookeeper));
    let (stop, stopped) = watch::channel(false);
    let hooks = Control { faults: Arc::clone(&faults), stop };
    let control = ControlServer::serve(control, zones.clone(), hooks)
        .map_err(LabError::file("serve the control API of", directory.path()))?;

    let lab = Lab {
        layout,
        directory,
        zones,
        faults,
        apis,
        control,
        stop: stopped,
        temporary,
        _lock: lock,
    };
    let booting = async {
        if is_new { make(&lab, &*on_progress).await } else { resume(&lab, &*on_progress).await }
    };
    let booted = tokio::select! {
        booted = booting => booted,
        () = interrupted => Err(LabError::Interrupted),
    };
    match booted {
        Ok(()) => Ok(lab),
        Err(error) => {
            // Whatever runs already is of no use to anybody.
            lab.stop().await;
            Err(error)
        }
    }
}

async fn start_zookeeper(
    layout: &Layout,
    directory: &LabDirectory,
    programs: &Programs,
) -> Result<ZooKeeperServer, LabError> {
    let Some(zone) = layout.zones_of(Role::Nameservice).next() else {
        return Err(LabError::part("ZooKeeper")("the layout has no zone for it".into()));
    };
    let address = (zone.address, ZOOKEEPER_PORT).into();
    ZooKeeperServer::start(
        &directory.zookeeper(),
        address,
        layout.run_as.as_deref(),
        &programs.jars,
    )
    .await
    .map_err(|source| LabError::part("ZooKeeper")(source.into()))
}

async fn start_apis(
    layout: &Layout,
    directory: &LabDirectory,
    zones: &Zones,
    faults: &ApiFaults,
) -> Result<(Apis, Emulated), LabError> {
    let block = layout.block;
    let failed = |api: ApiName| LabError::part(api.to_string());
    let state = |name: &str| {
        let path = directory.triton(name);
        fs::create_dir_all(&path).map_err(LabError::file("make", &path)).map(|()| path)
    };
    let url = |address: std::net::SocketAddr| format!("http://{address}");

    let manifests = crate::zones::manifests(layout);
    let manifests = manifests.into_iter().map(Manifest::into_template).collect();
    let options = SapiOptions::new(url(block.vmapi()), url(block.cnapi()));
    let sapi = Sapi::open(&state("sapi")?, options, Population::of(layout, manifests))
        .map_err(|source| failed(ApiName::Sapi)(source.into()))?;
    let imgapi = Imgapi::open(&state("imgapi")?, ImgapiOptions::new(layout.poseidon))
        .map_err(|source| failed(ApiName::Imgapi)(source.into()))?;
    let options = VmapiOptions {
        job_duration: layout.options.job_duration,
        imgapi: Some(url(block.imgapi())),
    };
    let vmapi = Vmapi::open(&state("vmapi")?, zones.clone(), options)
        .map_err(|source| failed(ApiName::Vmapi)(source.into()))?;
    vmapi
        .adopt(layout.poseidon, &layout.zones)
        .map_err(|source| failed(ApiName::Vmapi)(source.into()))?;
    let cnapi = Cnapi::new(zones.clone());

    let refused = |address| move |source| LabError::Address { address, source };
    let servers = vec![
        sapi.serve(block.sapi(), faults.of(ApiName::Sapi)).await.map_err(refused(block.sapi()))?,
        imgapi
            .serve(block.imgapi(), faults.of(ApiName::Imgapi))
            .await
            .map_err(refused(block.imgapi()))?,
        vmapi
            .serve(block.vmapi(), faults.of(ApiName::Vmapi))
            .await
            .map_err(refused(block.vmapi()))?,
        cnapi
            .serve(block.cnapi(), faults.of(ApiName::Cnapi))
            .await
            .map_err(refused(block.cnapi()))?,
    ];
    Ok((Apis { servers }, Emulated { imgapi, vmapi, cnapi }))
}

/// A lab's first start: zones are made, shards filled.
async fn make(lab: &Lab, on_progress: &(dyn Fn(&str) + Send + Sync)) -> Result<(), LabError> {
    let layout = &*lab.layout;
    on_progress("making the ring");
    let first = {
        let layout = Arc::clone(&lab.layout);
        tokio::task::spawn_blocking(move || ring::first_ring(&layout)).await
    };
    let first: Ring =
        first.map_err(Cause::from).and_then(|ring| ring).map_err(LabError::part("the ring"))?;
    let failed = LabError::part("IMGAPI");
    ring::import(layout, first.clone()).await.map_err(failed)?;
    images::import_services(layout).await.map_err(LabError::part("IMGAPI"))?;

    on_progress("booting zones");
    let mut booting = JoinSet::new();
    for spec in layout.zones.clone() {
        let zones = lab.zones.clone();
        booting.spawn(async move { provision(&zones, spec).await });
    }

    let wait = Wait { directory: &lab.directory, patience: PATIENCE };
    let mut shards: Vec<(Pnode, std::net::SocketAddr)> = Vec::new();
    for (index, shard) in layout.shard_names().enumerate() {
        on_progress(&format!("waiting for shard {shard}"));
        let primary = wait.writable(layout, &shard).await?;
        // Manta's first shard has the list of storage zones too.
        let kind = if index == 0 { ShardKind::IndexAndStorage } else { ShardKind::Index };
        let what = format!("the database of shard {shard}");
        let failed = LabError::part(what.clone());
        wait.for_end(what, seed::install(primary, kind))
            .await?
            .map_err(|source| failed(source.into()))?;
        shards.push((ring::pnode(&shard).map_err(LabError::part("the ring"))?, primary));
    }
    on_progress(&format!("loading {} objects", layout.options.objects));
    let failed = LabError::part("loading the first objects");
    let objects = layout.options.objects;
    let slowest = Duration::from_secs(objects / LOADED_PER_SECOND);
    Wait { patience: PATIENCE + slowest, ..wait }
        .for_end(
            format!("the load of {objects} objects"),
            seed::load(layout.options.seed, objects, &first, &shards),
        )
        .await?
        .map_err(|source| failed(source.into()))?;

    let booted = async {
        while let Some(booted) = booting.join_next().await {
            booted.map_err(|error| LabError::part("a zone")(error.into()))??;
        }
        Ok::<(), LabError>(())
    };
    wait.for_end("the boot of all zones", booted).await??;
    let path = lab.configuration();
    crate::host::write_atomically(&path, summary::configuration(layout).as_bytes())
        .map_err(LabError::file("write", &path))?;
    routers(lab, wait, on_progress).await?;
    let made = lab.directory.made();
    fs::write(&made, "").map_err(LabError::file("write", made))
}

/// A later start, with the zones and data that are there.
async fn resume(lab: &Lab, on_progress: &(dyn Fn(&str) + Send + Sync)) -> Result<(), LabError> {
    on_progress("booting zones");
    lab.zones.boot_all().await.map_err(|source| LabError::part("a zone")(source.into()))?;
    let wait = Wait { directory: &lab.directory, patience: PATIENCE };
    routers(lab, wait, on_progress).await
}

async fn routers(
    lab: &Lab,
    wait: Wait<'_>,
    on_progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), LabError> {
    on_progress("waiting for the routers");
    for router in lab.routers() {
        wait.routes(router).await?;
    }
    Ok(())
}

async fn provision(zones: &Zones, spec: ZoneSpec) -> Result<(), LabError> {
    let zone = format!("zone {}", spec.alias);
    zones.provision(spec).await.map_err(|source| LabError::part(zone)(source.into()))
}
