//! One instance of a connector and its calls. Every call is bounded in processor time by the store and in wall time
//! here; after a call that broke, the instance is dead and is thrown away.

use std::future::Future;
use std::time::{Duration, Instant};

use rollcall_edges::directory::DirectoryError;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, ResourceAny, TypedFunc};
use wasmtime::{Engine, Store, Trap};
use wasmtime_wasi::I32Exit;

use crate::host::Imports;
use crate::limits::COPY_BYTES;
use crate::meter::{Meter, Reached, Usage};
use crate::page;
use crate::store::{self, Guest, Reach, Terms};
use crate::v0_1::{self, Everything, bindings::EverythingIndices, given, types};
use crate::words::tame;

/// A connector's machine code, linked with what it is given.
#[derive(Clone)]
pub(crate) struct Code {
    engine: Engine,
    pre: InstancePre<Guest>,
    indices: EverythingIndices,
    next: ComponentExportIndex,
}

/// What gives a page.
type Next = TypedFunc<(ResourceAny, u32), (Result<page::given::Page, types::Error>,)>;

/// Where it is among the exports.
const NEXT: [&str; 2] = ["rollcall:connector/directory@0.1.0", "[method]listing.next"];

impl Code {
    /// Links a component with the capabilities that its manifest asks for.
    pub(crate) fn link(engine: &Engine, component: &Component, imports: Imports) -> wasmtime::Result<Self> {
        let linker = crate::host::linker(engine, imports)?;
        let pre = linker.instantiate_pre(component)?;
        let indices = EverythingIndices::new(&pre)?;
        let directory = component.get_export_index(None, NEXT[0]);
        let next = directory.and_then(|directory| component.get_export_index(Some(&directory), NEXT[1]));
        let next = next.ok_or_else(|| wasmtime::format_err!("`{}` is not exported", NEXT[1]))?;
        Ok(Self { engine: engine.clone(), pre, indices, next })
    }
}

/// A call that did not come back with an answer: a crash, or a limit. One clause.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) String);

/// What a call gives: the connector's answer or its error, or that it broke.
pub(crate) type Answer<T> = Result<Result<T, types::Error>, Broken>;

/// One instance.
pub(crate) struct Session {
    store: Store<Guest>,
    instance: Everything,
    next: Next,
}

impl Session {
    /// Makes an instance. The guest's own initialisation runs here, within the same bounds.
    pub(crate) async fn start(code: &Code, terms: &Terms, reach: Reach) -> Result<Self, Broken> {
        let mut store = store::make(&code.engine, terms, reach);
        let bounds = Bounds::of(&store);
        let started = bounds.hold(async {
            let instance = code.pre.instantiate_async(&mut store).await?;
            let next = instance.get_typed_func(&mut store, code.next)?;
            Ok((code.indices.load(&mut store, &instance)?, next))
        });
        let started = started.await;
        let (instance, next) = started.settle(&store)?;
        Ok(Self { store, instance, next })
    }

    /// Rules between settings.
    pub(crate) async fn validate(&mut self, settings: &str) -> Result<Vec<types::Fault>, Broken> {
        let Self { store, instance, .. } = self;
        let bounds = Bounds::of(store);
        let guest = instance.rollcall_connector_directory();
        bounds.hold(guest.call_validate(&mut *store, settings)).await.settle(store)
    }

    /// Which directory this is.
    pub(crate) async fn identity(&mut self, settings: &str) -> Answer<String> {
        let Self { store, instance, .. } = self;
        let bounds = Bounds::of(store);
        let guest = instance.rollcall_connector_directory();
        bounds.hold(guest.call_identity(&mut *store, settings)).await.settle(store)
    }

    /// Test Connection.
    pub(crate) async fn check(&mut self, settings: &str) -> Answer<given::Connection> {
        let Self { store, instance, .. } = self;
        let bounds = Bounds::of(store);
        let guest = instance.rollcall_connector_directory();
        bounds.hold(guest.call_check(&mut *store, settings)).await.settle(store)
    }

    /// The attributes that a listing can yield.
    pub(crate) async fn attributes(&mut self, settings: &str) -> Answer<Vec<given::AttributeInfo>> {
        let Self { store, instance, .. } = self;
        let bounds = Bounds::of(store);
        let guest = instance.rollcall_connector_directory();
        bounds.hold(guest.call_attributes(&mut *store, settings)).await.settle(store)
    }

    /// Begins a listing.
    pub(crate) async fn open(&mut self, settings: &str, since: Option<&types::Token>) -> Answer<ResourceAny> {
        let Self { store, instance, .. } = self;
        let bounds = Bounds::of(store);
        let listing = instance.rollcall_connector_directory().listing();
        bounds.hold(listing.call_open(&mut *store, settings, since)).await.settle(store)
    }

    /// The next page of a listing.
    pub(crate) async fn next(&mut self, listing: ResourceAny, max: u32) -> Answer<page::given::Page> {
        let Self { store, next, .. } = self;
        let bounds = Bounds::of(store);
        let (answer,) = bounds.hold(next.call_async(&mut *store, (listing, max))).await.settle(store)?;
        Ok(answer)
    }

    /// Gives what the host had to say no to so far, as the engine's error.
    pub(crate) fn blame(&self) -> Option<&crate::blame::Blame> {
        self.store.data().blamed.get()
    }

    /// Judges an answer: a swallowed error is not success, and the host's own refusals count more than what the
    /// connector makes of them.
    pub(crate) fn judge<T>(
        &self,
        answer: Answer<T>,
        broken: fn(String) -> DirectoryError,
    ) -> Result<T, DirectoryError> {
        let blame = self.blame();
        match answer {
            Ok(Ok(value)) => match blame {
                None => Ok(value),
                Some(swallowed) => Err(swallowed.clone().into_error()),
            },
            Ok(Err(error)) => Err(match blame.filter(|blame| blame.overrules()) {
                Some(blame) => blame.clone().into_error(),
                None => v0_1::error(error),
            }),
            Err(Broken(message)) => Err(match blame.filter(|blame| blame.overrules()) {
                Some(blame) => blame.clone().into_error(),
                None => broken(message),
            }),
        }
    }

    /// Gives what the instance has used so far.
    pub(crate) fn usage(&self) -> Usage {
        self.store.data().meter.usage()
    }
}

/// The wall time of one call.
struct Bounds {
    meter: Meter,
    wall: Duration,
}

/// How a call ended.
enum Outcome<T> {
    Returned(T),
    Failed(wasmtime::Error),
    TimedOut,
}

impl Bounds {
    fn of(store: &Store<Guest>) -> Self {
        let guest = store.data();
        guest.meter.begin_call();
        let left = guest.until.saturating_duration_since(Instant::now());
        Self { meter: guest.meter.clone(), wall: left.min(guest.limits.call_wall) }
    }

    /// Waits for a call, no longer than it may take. What is dropped then is dead, and so is its store.
    async fn hold<T>(self, call: impl Future<Output = wasmtime::Result<T>> + Send) -> Outcome<T> {
        match tokio::time::timeout(self.wall, self.meter.metered(call)).await {
            Ok(Ok(value)) => Outcome::Returned(value),
            Ok(Err(error)) => Outcome::Failed(error),
            Err(_) => Outcome::TimedOut,
        }
    }
}

impl<T> Outcome<T> {
    fn settle(self, store: &Store<Guest>) -> Result<T, Broken> {
        match self {
            Outcome::Returned(value) => Ok(value),
            Outcome::TimedOut => Err(Broken(wall_message(store.data()))),
            Outcome::Failed(error) => Err(Broken(why(&error, store.data()))),
        }
    }
}

fn raise(name: &str) -> String {
    format!("`{name}` under `[directory.limits]` may raise that")
}

fn wall_message(guest: &Guest) -> String {
    let limits = &guest.limits;
    if Instant::now() >= guest.until {
        let seconds = limits.run_wall.as_secs();
        return format!("the listing took longer than {seconds} seconds; {}", raise("wall_seconds"));
    }
    let seconds = limits.call_wall.as_secs();
    format!("the connector did not answer within {seconds} seconds; {}", raise("call_wall_seconds"))
}

/// Says why a call broke. What the guest itself wrote is shown tamed, and function names of its choosing are not.
fn why(error: &wasmtime::Error, guest: &Guest) -> String {
    let limits = &guest.limits;
    match guest.meter.reached() {
        Some(Reached::CallCpu) => {
            let seconds = limits.call_cpu.as_secs();
            let raise = raise("cpu_seconds_per_call");
            return format!("the connector computed for more than {seconds} seconds in one call; {raise}");
        }
        Some(Reached::RunCpu) => {
            let seconds = limits.run_cpu.as_secs();
            return format!(
                "the connector computed for more than {seconds} seconds; {}",
                raise("cpu_seconds")
            );
        }
        None => {}
    }
    if matches!(error.downcast_ref::<Trap>(), Some(Trap::Interrupt)) {
        return wall_message(guest);
    }
    if guest.meter.memory_denied() {
        let mib = limits.memory_bytes >> 20;
        return format!("the connector needs more than {mib} MiB of memory; {}", raise("memory_mib"));
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return format!("the connector ended itself with code {}{}", exit.0, said(guest));
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return format!("the connector crashed: {trap}{}", said(guest));
    }
    let root = error.root_cause().to_string();
    if root.contains("fuel allocated for hostcalls") {
        return format!("the connector handed over more than {} MiB at once", COPY_BYTES >> 20);
    }
    format!("the connector crashed: {}{}", tame(&root, 300), said(guest))
}

fn said(guest: &Guest) -> String {
    let words = guest.last_words.text();
    if words.is_empty() { words } else { format!(" (it wrote: {words})") }
}
