//! After a crash: every call that may have been in flight is looked for, settled, and its link written.
//!
//! Nothing is sent again. What a half-made create leaves behind is taken away, so that the next plan finds the phone
//! system as if the create had never begun.

use rollcall_core::ops::Write;
use rollcall_core::plan::Action;
use rollcall_core::verify::Outcome;
use rollcall_core::{Diagnostic, Text, codes};
use rollcall_edges::state::{Intent, Journalled, LinkChange, Settled, Settlement, StoredRun};

use crate::before::Before;
use crate::drawing::{Made, has_code};
use crate::error::RunError;
use crate::known::KnownUsers;
use crate::ledger::Ledger;
use crate::settle::{Found, Patience, look_for};
use crate::tools::Tools;

/// Why a call is given up whose answer was lost.
const LATE: &str = "its last call did not show within the settle time";

/// Looks after every interrupted run of a phone system and says what it found. `resumed` is a run that is about to go
/// on: what it has half made is left to it. Must be called under the phone system's lease.
///
/// # Errors
/// The state's, and the phone system's where it cannot be asked: then nothing may be planned either.
pub async fn recover(
    tools: &Tools<'_>,
    patience: Patience,
    office: &str,
    resumed: Option<&str>,
) -> Result<Vec<Diagnostic>, RunError> {
    let mut found = Vec::new();
    for id in tools.state.interrupted(office).await? {
        let Some(run) = tools.state.stored(&id).await? else { continue };
        if run.row.job != *tools.job && hands_over(tools, &id).await? {
            // Only its own job knows who gets them.
            let message =
                format!("the run {id} of the job `{}` may have a new user to hand over", run.row.job);
            let hint = format!("run `rollcall sync {}`", run.file);
            found.push(Diagnostic::note(codes::RUN_RECOVERED, message).hint(hint));
            continue;
        }
        let before = settle_open(tools, patience, &run, &mut found).await?;
        let before = match resumed == Some(&*id) {
            true => before,
            false => take_back(tools, &run, before).await?,
        };
        let outcomes = before.outcomes(changes(&run).as_slice(), &run.order);
        tools.state.recovered(&id, &outcomes, tools.clock.now()).await?;
    }
    Ok(found)
}

fn changes(run: &StoredRun) -> Vec<rollcall_core::plan::Change> {
    run.changes.iter().map(|(change, _)| change.clone()).collect()
}

/// Tells whether a run may have made a user with codes whom nobody was handed over.
async fn hands_over(tools: &Tools<'_>, id: &str) -> Result<bool, RunError> {
    let open = |op: &Journalled| op.sent.is_some() && op.settled.is_none() && has_code(&op.intent.write);
    Ok(tools.state.operations(id).await?.iter().any(open))
}

/// Settles what was sent and never answered.
async fn settle_open(
    tools: &Tools<'_>,
    patience: Patience,
    run: &StoredRun,
    found: &mut Vec<Diagnostic>,
) -> Result<Before, RunError> {
    let id = &run.row.id;
    let known = KnownUsers::from_bytes(&run.known);
    let links = tools.state.links(&run.row.job).await?;
    let mut ledger = Ledger::new(links.into_iter().map(|link| (link.id.clone(), link)).collect());
    for op in tools.state.operations(id).await? {
        let Journalled { intent, sent: Some(sent), settled: settled @ (None | Some(Settled::Unknown(_))) } =
            op
        else {
            continue;
        };
        let Some((change, _)) = run.changes.get(intent.change as usize) else { continue };
        let left = patience.less(tools.clock.now().since(sent));
        let (settled, link) = match find(tools, &intent.write, &known, left).await? {
            (Found::Applied(user), _) => {
                if run.row.job == *tools.job {
                    tools
                        .codes
                        .hand_over(Made { run: id, key: &intent.key, sent, write: &intent.write }, true)
                        .await?;
                }
                (Settled::Applied, ledger.after(change, &intent.write, user.as_ref()))
            }
            // As if it had never been sent: whoever resumes the run sends it.
            (Found::Absent, Waited::No) if settled.is_none() => {
                found.push(told(id, &intent, None));
                tools.state.withdraw(id, &[intent.seq]).await?;
                continue;
            }
            (Found::Absent, _) => (Settled::Failed(LATE.into()), None),
            (Found::Unknown(why), _) => (Settled::Unknown(why), None),
        };
        found.push(told(id, &intent, Some(&settled)));
        looked_after(tools, id, intent.seq, &settled, link.as_ref()).await?;
    }
    Ok(Before::of(tools.state.operations(id).await?))
}

/// Settles an operation of another process's run.
async fn looked_after(
    tools: &Tools<'_>,
    run: &str,
    seq: u32,
    settled: &Settled,
    link: Option<&LinkChange>,
) -> Result<(), RunError> {
    let settlement = Settlement { seq, settled, link, recovering: true };
    Ok(tools.state.settle(run, &[settlement], &[], tools.mark()).await?)
}

/// Whether a call had its time to take place.
#[derive(PartialEq)]
enum Waited {
    No,
    Yes,
}

/// Looks for a call. One that does not show while it may still come, and not afterwards either, did not take place: it
/// is never sent again, but the next plan may make the user anew.
async fn find(
    tools: &Tools<'_>,
    write: &Write,
    known: &KnownUsers,
    left: Patience,
) -> Result<(Found, Waited), RunError> {
    match look_for(tools.office, write, known, left).await? {
        Found::Unknown(_) if left != Patience::Over => {
            Ok((look_for(tools.office, write, known, Patience::Over).await?, Waited::Yes))
        }
        found => Ok((found, Waited::No)),
    }
}

fn told(run: &Text, intent: &Intent, settled: Option<&Settled>) -> Diagnostic {
    let how = match settled {
        Some(Settled::Unknown(why) | Settled::Failed(why)) => why,
        Some(Settled::Applied) => "its last call took place",
        None => "its last call did not take place",
    };
    let message = format!("the run {run} was interrupted in the middle of this user: {how}");
    let diagnostic = match settled {
        Some(Settled::Unknown(_)) => Diagnostic::warning(codes::RUN_RECOVERED, message)
            .hint("a user that stands there and is not linked is left alone; look at it on the phone system"),
        _ => Diagnostic::note(codes::RUN_RECOVERED, message),
    };
    diagnostic.user(intent.key.clone())
}

/// Takes extension records away whose users were never made.
async fn take_back(tools: &Tools<'_>, run: &StoredRun, before: Before) -> Result<Before, RunError> {
    let mut orphans = Vec::new();
    for (index, (change, outcome)) in run.changes.iter().enumerate() {
        let open = change.action == Action::Create && *outcome != Outcome::Applied;
        let Some(number) = before.made_record(index).filter(|_| open && !before.may_have_user(index)) else {
            continue;
        };
        // What the run itself has taken away again may be somebody else's by now.
        if !before.took_place(index, &Write::DeleteExtension { number: number.clone() }) {
            orphans.push((index, change, number));
        }
    }
    if orphans.is_empty() {
        return Ok(before);
    }
    let standing = tools.office.read().await?;
    let id = &run.row.id;
    let mut seq = before.next_seq();
    for (index, change, number) in orphans {
        let used = standing.users.values().any(|user| user.extension() == Some(&*number));
        if used || standing.extension(&number).is_none_or(|record| record.hardware) {
            continue;
        }
        let write = Write::DeleteExtension { number };
        let intent = Intent {
            seq,
            change: u32::try_from(index).unwrap_or(u32::MAX),
            id: Some(change.id.clone()),
            key: change.key.clone(),
            write: write.clone(),
        };
        tools.state.intend(id, &[intent], &[seq], tools.mark()).await?;
        let settled = match tools.office.write(&write).await {
            Ok(_) => Settled::Applied,
            Err(error) => Settled::Failed(error.to_string()),
        };
        looked_after(tools, id, seq, &settled, None).await?;
        seq += 1;
    }
    Ok(Before::of(tools.state.operations(id).await?))
}
