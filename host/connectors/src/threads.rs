//! The runtime on which guests run, apart from the engine's: a guest that computes does not keep the engine waiting.

use std::future::Future;
use std::io;

use rollcall_edges::directory::DirectoryError;
use tokio::runtime::{Builder, Handle, Runtime};

/// How many threads run guests. One directory is read at a time; the second keeps another one from waiting.
const THREADS: usize = 2;

/// The guests' runtime. It lives as long as the host or any connector of it.
pub(crate) struct Threads {
    handle: Handle,
    /// None only while it is dropped.
    runtime: Option<Runtime>,
}

impl Threads {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("connector")
            .enable_all()
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Runs what takes long and waits for nothing, such as a compilation.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        self.handle.spawn_blocking(work).await.ok()
    }

    /// Runs a call. It ends with whoever waits for it: a call that nobody waits for is cut off.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, DirectoryError>> + Send + 'static,
    ) -> Result<T, DirectoryError> {
        struct CutOff(tokio::task::AbortHandle);
        impl Drop for CutOff {
            fn drop(&mut self) {
                self.0.abort();
            }
        }
        let task = self.handle.spawn(call);
        let _cut_off = CutOff(task.abort_handle());
        let failed = |message: &str| Err(DirectoryError::Permanent(message.to_owned()));
        match task.await {
            Ok(outcome) => outcome,
            Err(error) if error.is_cancelled() => failed("the connector was stopped"),
            Err(_) => failed("the connector's host failed; please report this"),
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, which is not allowed within another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
