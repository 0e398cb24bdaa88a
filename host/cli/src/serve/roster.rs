//! Which jobs are served: the list, read at the start and when it is asked for, and files that change.

use rollcall_core::{Diagnostic, Text, codes};

use crate::failure::Failure;
use crate::serve::served::Served;
use crate::serve::tell::troubles;
use crate::serve::turn::Turn;
use crate::serve::{Service, folder, tell};
use crate::time;
use crate::view::text::shown;

/// How many jobs are kept with their compiled rules, each about half a megabyte. The others are read again for each
/// run, which takes milliseconds.
const SESSIONS_KEPT: usize = 64;

impl Service<'_> {
    /// Reads the list of job files again, and those that are new to it. Gives what is wrong with some.
    pub(super) async fn scan(&mut self, starting: bool) -> Result<Vec<Diagnostic>, Failure> {
        let found = folder::list(&self.named)?;
        for job in &mut self.jobs {
            job.leaving = !found.contains(&job.found);
        }
        self.jobs.retain(|job| job.running || !job.leaving);
        let mut wrong = Vec::new();
        for found in found {
            if self.jobs.iter().any(|job| job.found == found) {
                continue;
            }
            if let Some(job) = Served::load(&self.shared, &found) {
                wrong.extend(self.admit(job, starting).await);
            }
        }
        let names: Vec<Text> = self.jobs.iter().map(|job| job.name.clone()).collect();
        self.board().keep(|name| names.iter().any(|known| **known == *name));
        Ok(wrong)
    }

    /// Reads again what has changed.
    pub(super) async fn look(&mut self) {
        let changed: Vec<usize> = (0..self.jobs.len())
            .filter(|at| self.jobs.get(*at).is_some_and(|job| !job.running && job.changed()))
            .collect();
        for at in changed.into_iter().rev() {
            let before = self.jobs.remove(at);
            if !before.again_soon {
                self.output.say(&format!("{}: its files have changed", shown(&before.name)));
            }
            match Served::load(&self.shared, &before.found) {
                Some(mut job) => {
                    // Whoever was told of the job before is told that it cannot be used now.
                    job.notify = job.notify.or(before.notify);
                    if job.name != before.name && job.ready.is_err() {
                        job.name = before.name;
                    } else if job.name != before.name {
                        self.board().keep(|name| *name != *before.name);
                    }
                    self.admit(job, false).await;
                }
                None => self.board().keep(|name| *name != *before.name),
            }
        }
    }

    /// Takes a job in: says what is wrong with it, or when it runs. Gives what is wrong.
    pub(super) async fn admit(&mut self, mut job: Served, starting: bool) -> Vec<Diagnostic> {
        if let Some(other) = self.jobs.iter().find(|other| other.name == job.name && other.ready.is_ok()) {
            let message = format!(
                "`{}` and `{}` are both the job `{}`",
                other.found.path.display(),
                job.found.path.display(),
                job.name
            );
            let why = Diagnostic::error(codes::JOB_NAME_TWICE, message);
            // The first one is served; the line of the second must not hide it.
            job.name = job.found.path.display().to_string().into();
            job.refuse(vec![why.hint("a name is one job: rename one of them, or serve one of the two")]);
        }
        let now = self.shared.clock.now();
        let (succeeded, told) = match job.remember(&self.store, now, starting).await {
            Ok(known) => known,
            // Without its last slot a job might run twice or not at all, so it waits until the state can be read.
            Err(failure) => {
                job.refuse(failure.diagnostics);
                job.again_soon = true;
                (None, None)
            }
        };
        self.output.diagnostics(told.as_slice());
        let owned = self.store.owned(&job.name).unwrap_or(0);
        {
            let mut board = self.board();
            let line = board.line(&job.name);
            (line.valid, line.next, line.owned) = (job.ready.is_ok(), job.wake, owned);
            line.succeeded = line.succeeded.or(succeeded);
        }
        let wrong = job.ready.as_ref().err().cloned().unwrap_or_default();
        if wrong.is_empty() {
            self.output.say(&format!("{}: the next run is {}", shown(&job.name), self.when(&job)));
        } else if !starting {
            self.output.diagnostics(&wrong);
        }
        if self.kept() >= SESSIONS_KEPT
            && let Ok(ready) = &mut job.ready
        {
            ready.session = None;
        }
        self.jobs.push(job);
        if !wrong.is_empty() {
            let at = self.jobs.len() - 1;
            self.invalid(at, &wrong).await;
        }
        wrong
    }

    /// Counts the jobs that are kept with their compiled rules.
    fn kept(&self) -> usize {
        self.jobs.iter().filter(|job| job.ready.as_ref().is_ok_and(|ready| ready.session.is_some())).count()
    }

    fn when(&self, job: &Served) -> String {
        let now = self.shared.clock.now();
        match (job.due(now), job.wake) {
            (Some((slot, _)), _) => format!("now, for its slot at {}", time::shown(slot)),
            (None, Some(wake)) => format!("at {}", time::shown(wake)),
            (None, None) => "never".to_owned(),
        }
    }

    /// Tells of a job that cannot be used.
    async fn invalid(&self, at: usize, wrong: &[Diagnostic]) {
        let Some(job) = self.jobs.get(at) else { return };
        let turn = Turn::nothing(&job.name, Failure::invalid(wrong.to_vec()));
        if let Some(notify) = &job.notify {
            let told =
                tell::tell(&self.store, notify, &job.name, &turn, &troubles(&turn), &*self.shared.clock)
                    .await;
            self.output.diagnostics(told.err().as_slice());
        }
    }
}
