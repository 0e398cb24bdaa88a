//! A wave of moves: in each round the next call of every move is sent, and all answers are settled together.

use std::collections::VecDeque;

use rollcall_core::groups::group_moves;
use rollcall_core::ops::{self, Write};
use rollcall_core::order::Move;
use rollcall_core::phone::PhoneUser;
use rollcall_core::plan::{Action, Change};
use rollcall_core::verify::{Outcome, verify};
use rollcall_core::{Diagnostic, Text, codes};
use rollcall_edges::office::{OfficeError, Taken};
use rollcall_edges::state::{LinkChange, Settled};

use crate::apply::Applier;
use crate::drawing::{Made, waits};
use crate::error::{Class, RunError, handover, office as office_diagnostic};
use crate::settle::{Found, settle};
use crate::taken::stale;

/// Operations that are settled together: the place of each, how it went, and what it does to the ledger.
pub(crate) type Settling = Vec<(u32, Settled, Option<LinkChange>)>;

/// A move that is being done.
pub(crate) struct Doing<'p> {
    index: usize,
    change: &'p Change,
    parks: bool,
    /// The calls that are left, each with its place in the journal.
    ops: VecDeque<(u32, Write)>,
    /// Whether the memberships of its new user are still to be journalled.
    joins: bool,
    begun: bool,
    /// Whether its outcome is known already: it did not go through.
    broken: bool,
    /// Whether nothing more of it is sent.
    over: bool,
    /// The user as the last call left it.
    stands: Option<PhoneUser>,
    /// The number of the extension record that it has made.
    made_record: Option<Text>,
    /// What of its new user is not as it was sent.
    differs: Option<Diagnostic>,
    /// The extension record that a user who was refused leaves behind, until it is taken away.
    orphan: Option<Text>,
}

impl<'p> Doing<'p> {
    pub(crate) fn new(
        step: &Move,
        change: &'p Change,
        ops: Vec<(u32, Write)>,
        made_record: Option<Text>,
    ) -> Self {
        let parks = matches!(step, Move::Park { .. });
        Self {
            index: step.change(),
            change,
            parks,
            ops: ops.into(),
            joins: !parks && change.action == Action::Create && !group_moves(change).0.is_empty(),
            begun: false,
            broken: false,
            over: false,
            stands: None,
            made_record,
            differs: None,
            orphan: None,
        }
    }

    /// Gives the place of the call that comes next.
    pub(crate) fn next(&self) -> Option<u32> {
        self.ops.front().filter(|_| !self.over).map(|(seq, _)| *seq)
    }

    fn goes_on(&self) -> bool {
        !self.over && (self.joins || self.orphan.is_some() || !self.ops.is_empty())
    }

    /// Tells whether every call of a change took place, so that what stands can be held against it.
    fn went_through(&self) -> bool {
        self.begun && !self.over && !self.goes_on() && !self.broken && !self.parks
    }

    /// Gives up what is left of it.
    fn abandon(&mut self, why: &str, settling: &mut Settling) {
        (self.over, self.joins) = (true, false);
        settling.extend(self.ops.drain(..).map(|(seq, _)| (seq, Settled::Failed(why.into()), None)));
    }
}

impl Applier<'_> {
    /// Does a wave. `following` are the calls that the next one begins with.
    pub(crate) async fn wave(
        &mut self,
        mut wave: Vec<Doing<'_>>,
        following: Vec<u32>,
    ) -> Result<(), RunError> {
        // A move without a call, because all of them took place before an interruption, is in order.
        while wave.iter().any(|one| !one.begun || one.goes_on()) && !self.stops() {
            self.round(&mut wave, &following).await?;
        }
        for one in wave.into_iter().filter(Doing::went_through) {
            let wrong = one.stands.and_then(|stands| verify(one.change, &stands).err());
            match one.differs.or(wrong) {
                None => self.applied.outcomes[one.index] = Outcome::Applied,
                Some(why) => self.broke(one.index, one.change, Outcome::Failed(why)),
            }
        }
        Ok(())
    }

    /// Sends the next call of every move and settles the answers.
    async fn round(&mut self, wave: &mut [Doing<'_>], following: &[u32]) -> Result<(), RunError> {
        let mut settling = Settling::new();
        for one in wave.iter_mut().filter(|one| !one.begun) {
            self.begin(one, &mut settling);
        }
        self.intend_more(wave).await?;
        let mut calls = Vec::with_capacity(wave.len());
        for (place, one) in wave.iter_mut().enumerate() {
            let Some((seq, write)) = one.ops.front().filter(|_| !one.over) else { continue };
            match stale(self.tools.office, one.change, write, one.made_record.is_some()).await {
                None => calls.push((place, *seq)),
                Some(error) => self.failed(one, &error, &mut settling),
            }
        }
        if !self.stops() {
            let seqs: Vec<u32> = calls.iter().map(|(_, seq)| *seq).collect();
            self.start(&seqs).await?;
            let writes: Vec<_> =
                calls.iter().filter_map(|(place, _)| Some(wave[*place].ops.front()?.1.sent())).collect();
            let answers = self.tools.office.write_all(&writes).await;
            if answers.is_empty() && !writes.is_empty() {
                return Err(RunError::Internal("the phone system gave no answer at all".into()));
            }
            // Behind a call that ended everything nothing was sent: it is tried again, or not at all.
            self.unsend(&seqs[answers.len().min(seqs.len())..]).await?;
            let mut lost = Vec::new();
            for ((place, _), answer) in calls.into_iter().zip(answers) {
                match answer {
                    Err(OfficeError::Unsure(_)) => lost.push(place),
                    answer => self.answered(&mut wave[place], answer, &mut settling).await,
                }
            }
            if !lost.is_empty() {
                // What is known is in the journal before anybody waits for what is not.
                self.settle(std::mem::take(&mut settling), Vec::new()).await?;
                self.look_for(wave, &lost, &mut settling).await;
            }
        }
        let next = match wave.iter().any(Doing::goes_on) {
            true => wave.iter().filter_map(Doing::next).collect(),
            false => following.to_vec(),
        };
        self.settle(settling, next).await
    }

    /// Begins a move, unless something that went wrong before forbids it.
    fn begin(&mut self, one: &mut Doing<'_>, settling: &mut Settling) {
        one.begun = true;
        if self.applied.outcomes[one.index] != Outcome::Planned {
            one.abandon("not sent: an earlier step of the change failed", settling);
        } else if let Some(why) = self.refusal(one.change) {
            one.abandon(&why.message, settling);
            self.broke(one.index, one.change, Outcome::Failed(why.user(one.change.key.clone())));
        }
    }

    /// Journals the calls that are known only now: the memberships of new users, and what takes an extension record away
    /// whose user was not made.
    async fn intend_more(&mut self, wave: &mut [Doing<'_>]) -> Result<(), RunError> {
        let (mut intents, mut send) = (Vec::new(), Vec::new());
        for one in wave.iter_mut().filter(|one| !one.over && one.ops.is_empty()) {
            let link = self.ledger.link(&one.change.id).filter(|_| one.joins);
            let mut writes = link.map(|link| ops::memberships(one.change, &link.guid)).unwrap_or_default();
            one.joins = false;
            if let Some(number) = one.orphan.take() {
                // Somebody may have given the number, record and all, to another user meanwhile.
                let taken = self.tools.office.taken("", Some(&number)).await;
                if matches!(taken, Ok(None | Some(Taken::Record(_)))) {
                    writes.push(Write::DeleteExtension { number });
                }
            }
            one.ops = self.number(one.index, one.change, writes, &mut intents)?.into();
            send.extend(one.next());
        }
        self.intend(&intents, send).await
    }

    /// Takes the answer to the next call of a move.
    async fn answered(
        &mut self,
        one: &mut Doing<'_>,
        answer: Result<Option<PhoneUser>, OfficeError>,
        settling: &mut Settling,
    ) {
        let user = match answer {
            Ok(user) => user,
            Err(OfficeError::Differs { message, user }) => {
                let why = Diagnostic::error(codes::OFFICE_UNEXPECTED, message);
                one.differs = Some(why.user(one.change.key.clone()));
                Some(*user)
            }
            Err(error) => return self.failed(one, &error, settling),
        };
        let Some((seq, write)) = one.ops.pop_front() else { return };
        let sent = self.sent.get(&seq).copied().unwrap_or_else(|| self.tools.clock.now());
        let made = Made { run: self.run, key: &one.change.key, sent, write: &write };
        match self.tools.codes.hand_over(made, false).await {
            Ok(()) => {
                let link = self.ledger.after(one.change, &write, user.as_ref());
                settling.push((seq, Settled::Applied, link));
                if let Write::CreateExtension { number, .. } = write {
                    one.made_record = Some(number);
                }
                one.stands = user.or(one.stands.take());
            }
            // It stays open in the journal, with its codes: whoever recovers the run hands it over.
            Err(mut why) => {
                one.over = true;
                self.sent.remove(&seq);
                let who = one.change.name.as_ref().unwrap_or(&one.change.key);
                why.message = format!("`{who}` was made and not handed over yet: {}", why.message);
                why.hint = format!("{}; {}", why.hint, waits(self.run));
                self.applied.stopped.get_or_insert((Class::Error, vec![handover(&why)]));
            }
        }
    }

    /// Looks for the next calls of moves whose answers were lost, all of them within the settle time.
    async fn look_for(&mut self, wave: &mut [Doing<'_>], lost: &[usize], settling: &mut Settling) {
        let begun = tokio::time::Instant::now();
        for place in lost {
            let passed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let left = self.tools.settle_ms.saturating_sub(passed);
            if let Some(user) = self.lost(&mut wave[*place], left, settling).await {
                self.answered(&mut wave[*place], Ok(user), settling).await;
            }
        }
    }

    /// Looks for the next call of a move, whose answer was lost. Gives the user as it stands where the call took place.
    async fn lost(
        &mut self,
        one: &mut Doing<'_>,
        settle_ms: u64,
        settling: &mut Settling,
    ) -> Option<Option<PhoneUser>> {
        let (seq, write) = one.ops.front()?;
        let told = |code, message: String| Diagnostic::error(code, message).user(one.change.key.clone());
        let found = match &self.applied.stopped {
            // The phone system could not be asked a moment ago.
            Some((_, why)) => Err(why.iter().map(|why| &*why.message).collect::<Vec<_>>().join("; ")),
            None => {
                let found = settle(self.tools.office, write, &self.known, settle_ms).await;
                found.map_err(|error| error.to_string())
            }
        };
        match found {
            Ok(Found::Applied(user)) => return Some(user),
            Ok(Found::Unknown(why)) => self.failed(one, &OfficeError::Unsure(why), settling),
            Ok(Found::Absent) => {
                let message = "the call was lost on its way, and did not take place";
                let why = told(codes::OFFICE_LOST, message.into());
                self.ended(one, Settled::Failed(message.into()), Outcome::Failed(why), settling);
            }
            // It may have taken place, whatever the look-up says of itself. It stays open in the journal, so that the next
            // run looks for it before it plans anything.
            Err(error) => {
                let message = format!("the answer was lost, and looking for it failed: {error}");
                let why = told(codes::OFFICE_UNSURE, message);
                self.sent.remove(seq);
                (one.over, one.broken) = (true, true);
                self.broke(one.index, one.change, Outcome::Unknown(why.clone()));
                self.applied.stopped.get_or_insert((Class::Office, vec![why]));
            }
        }
        None
    }

    /// Settles the next call of a move, which did not take place, or of which that is not known.
    fn failed(&mut self, one: &mut Doing<'_>, error: &OfficeError, settling: &mut Settling) {
        let why = office_diagnostic(error).user(one.change.key.clone());
        let (settled, outcome) = match error {
            OfficeError::Unsure(_) => (Settled::Unknown(why.message.clone()), Outcome::Unknown(why.clone())),
            _ => (Settled::Failed(why.message.clone()), Outcome::Failed(why.clone())),
        };
        self.ended(one, settled, outcome, settling);
        let class = match error {
            OfficeError::Unreachable { .. } | OfficeError::Untrusted { .. } => Some(Class::Office),
            OfficeError::Denied(_) => Some(Class::Denied),
            OfficeError::Damaged(_) => Some(Class::Error),
            _ => None,
        };
        if let Some(class) = class {
            self.applied.stopped.get_or_insert((class, vec![why]));
        }
        if matches!(error, OfficeError::Unexpected(_)) {
            self.lost_element = one.change.name.clone().or(Some(one.change.key.clone()));
        }
    }

    /// Ends a move with its next call, which did not go through.
    fn ended(&mut self, one: &mut Doing<'_>, settled: Settled, outcome: Outcome, settling: &mut Settling) {
        let Some((seq, write)) = one.ops.pop_front() else { return };
        settling.push((seq, settled, None));
        one.abandon("not sent: an earlier step of the change failed", settling);
        // A user that was refused leaves no extension record behind. What fails of that is in the journal.
        if let (Write::CreateUser { .. }, Outcome::Failed(_)) = (&write, &outcome) {
            one.orphan = one.made_record.clone();
            one.over = one.orphan.is_none();
        }
        if !std::mem::replace(&mut one.broken, true) {
            self.broke(one.index, one.change, outcome);
        }
    }
}
