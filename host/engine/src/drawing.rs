//! Random codes: drawn before a create is journalled, forgotten once they are handed over.

use jiff::Timestamp;
use rollcall_core::ops::Write;
use rollcall_core::plan::{Action, Change, Plan};
use rollcall_core::weak::{Public, guessable};
use rollcall_core::{Field, Secret, Text, Value};
use rollcall_edges::clock::Instant;
use rollcall_edges::draw::Draw;
use rollcall_edges::handover::{Handover, HandoverError, NewUser};

use crate::error::RunError;

/// How often a code is drawn before the source of chance is given up. A good one gives a code that is not weak at once,
/// or at the second or third time where the code is short.
const DRAWS_MAX: usize = 1_000;
/// The bytes below this number give each digit equally often; the others are thrown away.
const FAIR_BYTES: u8 = 250;

/// Where random codes come from, and where the codes of new users go.
#[derive(Clone, Copy)]
pub struct Codes<'a> {
    /// Chance.
    pub draw: &'a dyn Draw,
    /// The job's `[handover]`.
    pub handover: Option<&'a dyn Handover>,
}

/// A call that took place, with what the journal says of it.
#[derive(Clone, Copy)]
pub(crate) struct Made<'a> {
    /// The run.
    pub(crate) run: &'a Text,
    /// The user identification.
    pub(crate) key: &'a Text,
    /// When it was sent, as the journal has it.
    pub(crate) sent: Instant,
    /// The call.
    pub(crate) write: &'a Write,
}

impl Made<'_> {
    fn time(&self) -> Text {
        let at = Timestamp::from_second(self.sent.0.div_euclid(1000));
        at.map(|at| at.to_string()).unwrap_or_default().into()
    }
}

impl Codes<'_> {
    /// Checks, before anything of a plan is written, that its users can be handed over.
    ///
    /// # Errors
    /// The handover's, and a job that draws codes for nobody.
    pub(crate) async fn ready(&self, plan: &Plan) -> Result<(), RunError> {
        let creates = || plan.changes.iter().filter(|change| change.action == Action::Create);
        let random = |change: &Change| {
            change.fields.iter().any(|field| matches!(field.to, Some(Value::Random(_) | Value::Drawn(_))))
        };
        match self.handover {
            Some(handover) if creates().next().is_some() => Ok(handover.ready().await?),
            None if creates().any(random) => Err(nobody().into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Hands a user over that was made. `again`: perhaps not for the first time.
    ///
    /// # Errors
    /// The handover's: the codes stay in the journal then.
    pub(crate) async fn hand_over(&self, made: Made<'_>, again: bool) -> Result<(), HandoverError> {
        let Write::CreateUser { fields, system, .. } = made.write else { return Ok(()) };
        match self.handover {
            Some(handover) => {
                let user = NewUser {
                    key: made.key.clone(),
                    run: made.run.clone(),
                    time: made.time(),
                    fields: fields.clone(),
                    system: system.clone(),
                };
                handover.give(&user, again).await
            }
            None if drawn(made.write) => Err(nobody()),
            None => Ok(()),
        }
    }
}

/// Says what becomes of codes that a run could not hand over.
pub(crate) fn waits(run: &str) -> String {
    format!(
        "the codes wait in the state, and the next sync, or `rollcall resume {run}`, hands them over before anything else"
    )
}

fn nobody() -> HandoverError {
    HandoverError {
        message: "codes were drawn for new users, and the job does not say who gets them".into(),
        hint: "write `[handover]` with `file = \"new-users.jsonl\"` or a command".into(),
    }
}

/// Draws the random codes of a create. Every other call stays as it is.
pub(crate) fn draw(write: Write, change: &Change, draw: &dyn Draw) -> Result<Write, RunError> {
    let Write::CreateUser { mut fields, system, template } = write else { return Ok(write) };
    let wanted: Vec<(Field, u8)> = fields
        .iter()
        .filter_map(|(field, value)| match value {
            Value::Random(digits) => Some((*field, *digits)),
            _ => None,
        })
        .collect();
    if !wanted.is_empty() {
        let mut public = Public::default();
        public.add(&Field::UserIdentification.key().into(), &change.key);
        public.add_fields(&fields);
        for (field, digits) in wanted {
            let code = code(usize::from(digits), &public, draw)?;
            fields.insert(field, Value::Drawn(code));
        }
    }
    Ok(Write::CreateUser { fields, system, template })
}

/// Draws one code that is not easy to guess. Every such code is equally likely.
fn code(digits: usize, public: &Public, draw: &dyn Draw) -> Result<Secret, RunError> {
    for _ in 0..DRAWS_MAX {
        let code = uniform(digits, draw)?;
        if !guessable(&code, public) {
            return Ok(Secret::new(code));
        }
    }
    Err(RunError::Internal(format!("{DRAWS_MAX} codes were drawn, and all of them are easy to guess")))
}

fn uniform(digits: usize, draw: &dyn Draw) -> Result<String, RunError> {
    let mut code = String::with_capacity(digits);
    let mut bytes = [0u8; 32];
    for _ in 0..DRAWS_MAX {
        draw.fill(&mut bytes)
            .map_err(|why| RunError::Internal(format!("the machine gives no random numbers: {why}")))?;
        let fair = bytes.iter().filter(|byte| **byte < FAIR_BYTES).map(|byte| char::from(b'0' + byte % 10));
        code.extend(fair.take(digits - code.len()));
        if code.len() == digits {
            return Ok(code);
        }
    }
    Err(RunError::Internal("the machine's random numbers are not random".into()))
}

/// Tells whether a call holds a code that nobody but the journal knows.
fn drawn(write: &Write) -> bool {
    match write {
        Write::CreateUser { fields, .. } => fields.values().any(|value| matches!(value, Value::Drawn(_))),
        _ => false,
    }
}

/// Tells whether a call gives a user codes, drawn or not: whoever made the plan may hand them over.
pub(crate) fn has_code(write: &Write) -> bool {
    match write {
        Write::CreateUser { fields, .. } => fields.keys().any(|field| field.secret()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rollcall_core::weak::weakness;
    use rollcall_edges::draw::FixedDraw;

    use super::*;

    /// Gives one byte for ever.
    struct Stuck(u8);

    impl Draw for Stuck {
        fn fill(&self, into: &mut [u8]) -> Result<(), String> {
            into.fill(self.0);
            Ok(())
        }
    }

    #[test]
    fn digits_are_drawn_equally_often() {
        let draw = FixedDraw::new(7);
        let mut counts = [0u32; 10];
        for _ in 0..4_000 {
            for digit in uniform(10, &draw).unwrap().bytes() {
                counts[usize::from(digit - b'0')] += 1;
            }
        }
        // 4,000 each are expected; five standard deviations are 300.
        assert!(counts.iter().all(|count| count.abs_diff(4_000) < 300), "{counts:?}");
    }

    #[test]
    fn a_drawn_code_is_never_easy_to_guess() {
        let draw = FixedDraw::new(11);
        let mut public = Public::default();
        public.add(&"mobile".into(), "+44 7700 900123");
        public.add(&"extension".into(), "2001");
        for digits in [1, 2, 3, 4, 5, 6, 15, 31] {
            for _ in 0..300 {
                let code = code(digits, &public, &draw).unwrap();
                let code = code.expose();
                assert_eq!(code.len(), digits);
                assert_eq!(weakness(code, &Public::default()), None, "{code}");
                assert!(digits < 4 || !"447700900123 2001".contains(code), "{code}");
            }
        }
    }

    #[test]
    fn chance_that_is_none_is_found_out() {
        for byte in [0, 17, 255] {
            assert!(
                matches!(code(4, &Public::default(), &Stuck(byte)), Err(RunError::Internal(_))),
                "{byte}"
            );
        }
    }
}
