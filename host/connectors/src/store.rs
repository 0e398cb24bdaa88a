//! The state of one instance of a connector and the bounds that it runs in. One store serves one listing or one call
//! and is then thrown away; after any trap at once.

use std::sync::Arc;
use std::time::Instant;

use rollcall_core::Text;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::WasiCtx;

use crate::blame::Blamed;
use crate::host::files::FilesGranted;
use crate::host::http::HttpGranted;
use crate::host::ldap::LdapGranted;
use crate::host::log::LogSink;
use crate::host::run::Progress;
use crate::host::wasi::{self, LastWords};
use crate::limits::{self, Limits};
use crate::meter::Meter;

/// Which capabilities answer; the others refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// None: `validate` looks at settings alone.
    Nothing,
    /// Files only: `check` works without a network.
    Files,
    /// All that is granted.
    Everything,
}

/// What an instance is made with.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) directory: Text,
    pub(crate) limits: Arc<Limits>,
    pub(crate) http: Arc<HttpGranted>,
    pub(crate) ldap: Arc<LdapGranted>,
    pub(crate) files: Arc<FilesGranted>,
    pub(crate) progress: Option<Progress>,
    /// How many users a page may have.
    pub(crate) page_users: u32,
}

/// The state of one instance.
pub(crate) struct Guest {
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) last_words: LastWords,
    pub(crate) limits: Arc<Limits>,
    pub(crate) limiter: Limiter,
    pub(crate) meter: Meter,
    pub(crate) blamed: Blamed,
    pub(crate) log: LogSink,
    pub(crate) progress: Option<Progress>,
    pub(crate) until: Instant,
    pub(crate) reach: Reach,
    pub(crate) http: Arc<HttpGranted>,
    pub(crate) ldap: Arc<LdapGranted>,
    pub(crate) files: Arc<FilesGranted>,
}

/// Makes a store whose bounds are in force before anything of the guest runs.
pub(crate) fn make(engine: &Engine, terms: &Terms, reach: Reach) -> Store<Guest> {
    let limits = terms.limits.clone();
    let meter = Meter::default();
    let last_words = LastWords::default();
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits::HANDLES);
    let guest = Guest {
        table,
        wasi: wasi::context(&last_words),
        last_words,
        limiter: Limiter::new(limits.memory_bytes, meter.clone()),
        meter,
        blamed: Blamed::default(),
        log: LogSink::new(terms.directory.clone(), limits.log_lines),
        progress: terms.progress.clone(),
        until: Instant::now() + limits.run_wall,
        reach,
        http: terms.http.clone(),
        ldap: terms.ldap.clone(),
        files: terms.files.clone(),
        limits,
    };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(limits::COPY_BYTES);
    store.set_max_component_handles(limits::HANDLES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|context| {
        let guest = context.data();
        if guest.meter.over(&guest.limits) || Instant::now() > guest.until {
            return Ok(UpdateDeadline::Interrupt);
        }
        // Yielding at every tick keeps a busy guest from starving the others, and lets it be cancelled.
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    store
}

/// Bounds memory and tables over the whole store: a limit for each memory would be multiplied by more memories.
pub(crate) struct Limiter {
    memory: usize,
    memory_most: usize,
    before_growth: usize,
    elements: usize,
    elements_before: usize,
    meter: Meter,
}

impl Limiter {
    fn new(memory_most: usize, meter: Meter) -> Self {
        Self { memory: 0, memory_most, before_growth: 0, elements: 0, elements_before: 0, meter }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let sum = self.memory.saturating_add(desired.saturating_sub(current));
        if sum > self.memory_most || maximum.is_some_and(|maximum| desired > maximum) {
            self.meter.note_memory_denied();
            return Ok(false);
        }
        self.before_growth = self.memory;
        self.memory = sum;
        self.meter.note_memory(sum);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory = self.memory.min(self.before_growth);
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let sum = self.elements.saturating_add(desired.saturating_sub(current));
        if sum > limits::TABLE_ELEMENTS {
            return Ok(false);
        }
        self.elements_before = self.elements;
        self.elements = sum;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.elements = self.elements.min(self.elements_before);
        Ok(())
    }

    fn instances(&self) -> usize {
        limits::INSTANCES
    }

    fn tables(&self) -> usize {
        limits::INSTANCES
    }

    fn memories(&self) -> usize {
        limits::INSTANCES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_summed() {
        let mut limiter = Limiter::new(100, Meter::default());
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap(), "a second memory counts too");
        assert!(limiter.memory_growing(60, 100, None).unwrap());
        limiter.memory_grow_failed(wasmtime::Error::msg("no memory")).unwrap();
        assert!(limiter.memory_growing(60, 80, None).unwrap(), "growth that failed is given back");
        assert_eq!(limiter.meter.usage().memory_peak_bytes, 100);
        assert!(limiter.meter.memory_denied());
    }
}
