//! What a run needs of the outside, made to wait before and after everything that it does: a run can be broken off at
//! each of these places, as it could if its process were killed there.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rollcall_core::elapsed::Tick;
use rollcall_core::guard::Spent;
use rollcall_core::memory::{Link, Unsure};
use rollcall_core::ops::Write;
use rollcall_core::phone::{Abilities, Extension, PhoneUser, Standing};
use rollcall_core::verify::Outcome;
use rollcall_core::waves::AtOnce;
use rollcall_core::{Guid, Record, RecordId, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::directory::{Coverage, Page, Token};
use rollcall_edges::mirror::{Intake, LastListing, Marks, Mirror, RecordDigest, Sealed};
use rollcall_edges::office::{Locator, Office, OfficeError, Taken};
use rollcall_edges::plans::PlanMark;
use rollcall_edges::state::{
    Held, Hold, Identities, Intent, JobState, Journalled, Later, Lease, Mark, NewRun, Owner, Passed, RunRow,
    Settlement, State, StateError, Steady, StoredRun,
};

/// Waits once before something is done, and once after it.
async fn around<T>(done: impl Future<Output = T>) -> T {
    tokio::task::yield_now().await;
    let done = done.await;
    tokio::task::yield_now().await;
    done
}

/// A phone system that takes so much at once.
pub(crate) struct WaitingOffice<'a, O>(pub &'a O, pub AtOnce);

#[async_trait]
impl<O: Office> Office for WaitingOffice<'_, O> {
    async fn identity(&self) -> Result<Text, OfficeError> {
        around(self.0.identity()).await
    }
    async fn abilities(&self) -> Result<Abilities, OfficeError> {
        around(self.0.abilities()).await
    }
    async fn read(&self) -> Result<Standing, OfficeError> {
        around(self.0.read()).await
    }
    async fn find(&self, who: &Locator) -> Result<Option<PhoneUser>, OfficeError> {
        around(self.0.find(who)).await
    }
    async fn write(&self, write: &Write) -> Result<Option<PhoneUser>, OfficeError> {
        around(self.0.write(write)).await
    }
    fn at_once(&self) -> AtOnce {
        self.1
    }
    async fn extension(&self, number: &str) -> Result<Option<Extension>, OfficeError> {
        around(self.0.extension(number)).await
    }
    async fn taken(&self, name: &str, number: Option<&str>) -> Result<Option<Taken>, OfficeError> {
        around(self.0.taken(name, number)).await
    }
}

pub(crate) struct WaitingMirror<'a, M>(pub &'a mut M);

#[async_trait]
impl<M: Mirror> Mirror for WaitingMirror<'_, M> {
    async fn last(&mut self, directory: &str, scope: &[u8]) -> Result<Option<LastListing>, StateError> {
        around(self.0.last(directory, scope)).await
    }
    async fn begin(&mut self, directory: &str, scope: &[u8], intake: Intake) -> Result<(), StateError> {
        around(self.0.begin(directory, scope, intake)).await
    }
    async fn merge(&mut self, page: Page) -> Result<(), StateError> {
        around(self.0.merge(page)).await
    }
    async fn seal(
        &mut self,
        end: Coverage,
        token: Option<Token>,
        now: Instant,
    ) -> Result<Option<Sealed>, StateError> {
        around(self.0.seal(end, token, now)).await
    }
    async fn records(
        &mut self,
        directory: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>, StateError> {
        around(self.0.records(directory, after, limit)).await
    }
    async fn version(&mut self, directory: &str) -> Result<Option<Text>, StateError> {
        around(self.0.version(directory)).await
    }
    async fn digests(&mut self, directory: &str) -> Result<Vec<(Text, RecordDigest)>, StateError> {
        around(self.0.digests(directory)).await
    }
    async fn chosen(&mut self, directory: &str, natives: &[Text]) -> Result<Vec<Record>, StateError> {
        around(self.0.chosen(directory, natives)).await
    }
    async fn marks(&mut self) -> Result<Option<Marks>, StateError> {
        around(self.0.marks()).await
    }
    async fn keep_marks(&mut self, marks: &Marks) -> Result<(), StateError> {
        around(self.0.keep_marks(marks)).await
    }
    async fn has(&mut self, id: &RecordId) -> Result<bool, StateError> {
        around(self.0.has(id)).await
    }
}

pub(crate) struct WaitingState<'a, S>(pub &'a S);

#[async_trait]
impl<S: State> State for WaitingState<'_, S> {
    async fn job(&self, job: &str) -> Result<JobState, StateError> {
        around(self.0.job(job)).await
    }
    async fn links(&self, job: &str) -> Result<Vec<Link>, StateError> {
        around(self.0.links(job)).await
    }
    async fn same_job(&self, job: &str, file: &str) -> Result<Option<Text>, StateError> {
        around(self.0.same_job(job, file)).await
    }
    async fn owners(&self, office: &str, but: Option<&str>) -> Result<BTreeMap<Guid, Owner>, StateError> {
        around(self.0.owners(office, but)).await
    }
    async fn unsure(&self, office: &str) -> Result<Vec<Unsure>, StateError> {
        around(self.0.unsure(office)).await
    }
    async fn held(&self, office: &str, since: Instant) -> Result<Vec<Held>, StateError> {
        around(self.0.held(office, since)).await
    }
    async fn office_tick(&self, office: &str) -> Result<Option<Tick>, StateError> {
        around(self.0.office_tick(office)).await
    }
    async fn spent(&self, job: &str, stretches: &[(i64, i64)]) -> Result<Spent, StateError> {
        around(self.0.spent(job, stretches)).await
    }
    async fn passed(&self, job: &str, passed: &Passed) -> Result<(), StateError> {
        around(self.0.passed(job, passed)).await
    }
    async fn identify(&self, job: &str, directories: &Identities, office: &str) -> Result<(), StateError> {
        around(self.0.identify(job, directories, office)).await
    }
    async fn plan_mark(&self, id: &str) -> Result<Option<PlanMark>, StateError> {
        around(self.0.plan_mark(id)).await
    }
    async fn hold(&self, job: &str, hold: Option<&Hold>) -> Result<(), StateError> {
        around(self.0.hold(job, hold)).await
    }
    async fn version(&self, job: &str, office: &str) -> Result<Option<Text>, StateError> {
        around(self.0.version(job, office)).await
    }
    async fn steady(&self, job: &str) -> Result<Option<Steady>, StateError> {
        around(self.0.steady(job)).await
    }
    async fn settle_down(&self, job: &str, steady: Option<&Steady>) -> Result<(), StateError> {
        around(self.0.settle_down(job, steady)).await
    }
    async fn lease(&self, job: &str, office: &str, wait_ms: u64) -> Result<Box<dyn Lease>, StateError> {
        around(self.0.lease(job, office, wait_ms)).await
    }
    async fn begin(&self, run: &NewRun<'_>) -> Result<Text, StateError> {
        around(self.0.begin(run)).await
    }
    async fn stored(&self, run: &str) -> Result<Option<StoredRun>, StateError> {
        around(self.0.stored(run)).await
    }
    async fn later(&self, run: &str) -> Result<Vec<Later>, StateError> {
        around(self.0.later(run)).await
    }
    async fn reopen(&self, run: &str, generation: i64, now: Instant) -> Result<(), StateError> {
        around(self.0.reopen(run, generation, now)).await
    }
    async fn intend(
        &self,
        run: &str,
        intents: &[Intent],
        send: &[u32],
        mark: Mark,
    ) -> Result<(), StateError> {
        around(self.0.intend(run, intents, send, mark)).await
    }
    async fn start(&self, run: &str, seqs: &[u32], mark: Mark) -> Result<(), StateError> {
        around(self.0.start(run, seqs, mark)).await
    }
    async fn withdraw(&self, run: &str, seqs: &[u32]) -> Result<(), StateError> {
        around(self.0.withdraw(run, seqs)).await
    }
    async fn settle(
        &self,
        run: &str,
        settlements: &[Settlement<'_>],
        next: &[u32],
        mark: Mark,
    ) -> Result<(), StateError> {
        around(self.0.settle(run, settlements, next, mark)).await
    }
    async fn finish(
        &self,
        run: &str,
        ended: Instant,
        exit: i32,
        report: &str,
        outcomes: &[Outcome],
    ) -> Result<(), StateError> {
        around(self.0.finish(run, ended, exit, report, outcomes)).await
    }
    async fn interrupted(&self, office: &str) -> Result<Vec<Text>, StateError> {
        around(self.0.interrupted(office)).await
    }
    async fn recovered(&self, run: &str, outcomes: &[Outcome], now: Instant) -> Result<(), StateError> {
        around(self.0.recovered(run, outcomes, now)).await
    }
    async fn runs(&self, job: Option<&str>, limit: u32) -> Result<Vec<RunRow>, StateError> {
        around(self.0.runs(job, limit)).await
    }
    async fn run(&self, id: &str) -> Result<Option<RunRow>, StateError> {
        around(self.0.run(id)).await
    }
    async fn operations(&self, run: &str) -> Result<Vec<Journalled>, StateError> {
        around(self.0.operations(run)).await
    }
    async fn history(
        &self,
        job: &str,
        id: &RecordId,
    ) -> Result<Vec<(Text, Instant, Journalled)>, StateError> {
        around(self.0.history(job, id)).await
    }
}
