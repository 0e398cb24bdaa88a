//! Who waits for whom within one process: jobs of one phone system run one after the other, and not too many at once.
//!
//! The lease keeps other processes out; waiting here first means that a job's wait for it does not run out because its
//! neighbours have much to do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rollcall_job::job::PhoneSystem;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// How many runs go on at once: enough to keep slow directories from holding up the rest.
const RUNS_MAX: usize = 8;

/// The gates of a process.
pub(crate) struct Gates {
    offices: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    runs: Arc<Semaphore>,
}

impl Default for Gates {
    fn default() -> Self {
        Self { offices: Mutex::default(), runs: Arc::new(Semaphore::new(RUNS_MAX)) }
    }
}

/// A run that may begin; it makes room when this is dropped.
pub(crate) struct Passed {
    _office: OwnedMutexGuard<()>,
    _run: Option<OwnedSemaphorePermit>,
}

impl Gates {
    /// Waits until a job's phone system is free and there is room for one run more.
    pub(crate) async fn pass(&self, office: String) -> Passed {
        let office = {
            let mut offices = self.offices.lock().unwrap_or_else(PoisonError::into_inner);
            offices.entry(office).or_default().clone()
        };
        let office = office.lock_owned().await;
        // The semaphore is never closed.
        Passed { _office: office, _run: self.runs.clone().acquire_owned().await.ok() }
    }
}

/// Names a phone system by where it is.
pub(crate) fn name(office: &PhoneSystem) -> String {
    match office {
        PhoneSystem::Embedded { path } => path
            .canonicalize()
            .or_else(|_| std::path::absolute(path))
            .unwrap_or(path.clone())
            .display()
            .to_string(),
        PhoneSystem::IpOffice(real) => format!("{}:{}", real.address, real.port),
    }
}
