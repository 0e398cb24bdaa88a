//! Reading the chain from its beginning, and everything that it speaks of.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::text::count;
use rollcall_edges::clock::Instant;
use rollcall_edges::state::StateError;
use rollcall_sqlite::Connection;
use serde_json::Value;

use super::append::head_fits;
use super::{Entry, RESUMED, commitment, root, rows};
use crate::sql::{self, Worked};
use crate::store::Store;

/// What a look at the audit chain came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// How many entries there are.
    pub entries: u64,
    /// How many records were erased, with the person or with age.
    pub erased: u64,
    /// The last entry's digest, hexadecimal.
    pub head: String,
    /// What does not fit, in the order of the chain.
    pub breaks: Vec<String>,
}

/// One leaf as it stands.
struct Standing {
    idx: i64,
    what: String,
    commitment: Vec<u8>,
    salt: Option<Vec<u8>>,
    record: Option<String>,
}

/// What entries say was erased.
#[derive(Default)]
struct Erased {
    /// Single leaves, by entry and place.
    leaves: BTreeSet<(i64, i64)>,
    /// All leaves of these entries.
    entries: BTreeSet<i64>,
}

impl Store {
    /// Reads the audit chain and everything that it speaks of, and says what does not fit.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn audit_chain(&self) -> Result<Chain, StateError> {
        // One transaction: a run that goes on meanwhile is seen as it stood at one moment.
        self.read(|state| self.chain(&*state.unchecked_transaction()?))
    }

    fn chain(&self, state: &Connection) -> Worked<Chain> {
        let mut chain = Chain::default();
        let entries = walk(state, &mut chain)?;
        self.head(state, &mut chain, entries.len())?;
        let erased = erasures(state)?;
        let mut runs: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut told: BTreeSet<(String, String)> = BTreeSet::new();
        let mut open: BTreeSet<String> = BTreeSet::new();
        // The last word on a record counts: a run that was resumed has ended twice.
        for Walked { seq, kind, run, root: expected } in entries.into_iter().rev() {
            if kind == RESUMED {
                open.insert(run.clone());
            }
            let leaves = leaves(state, seq)?;
            if leaves.is_empty() {
                if expected != root(std::iter::empty()) && !erased.entries.contains(&seq) {
                    chain.breaks.push(format!("entry {seq}: its records are missing"));
                }
                chain.erased += u64::from(erased.entries.contains(&seq));
                continue;
            }
            if expected != root(leaves.iter().map(|leaf| leaf.commitment.as_slice())) {
                chain.breaks.push(format!("entry {seq}: its list of records was changed"));
            }
            if !run.is_empty() && !runs.contains_key(&run) {
                runs.insert(run.clone(), rows::of_run(state, &run)?);
            }
            for leaf in leaves {
                // What was said of the end of a run that goes on is no longer so, and not wrong.
                let moves = open.contains(&run) && kind != RESUMED && !rows::is_plan(&leaf.what);
                let latest = run.is_empty() || (told.insert((run.clone(), leaf.what.clone())) && !moves);
                let stands = runs.get(&run).and_then(|rows| rows.get(&leaf.what));
                match leaf_state(&leaf, seq, stands, latest, &erased) {
                    Ok(gone) => chain.erased += u64::from(gone),
                    Err(why) => chain.breaks.push(why),
                }
            }
            // A run's rows are no longer needed once its first entry has been seen; large ones are not kept meanwhile.
            if runs.len() > 8 {
                runs.pop_first();
            }
        }
        chain.breaks.sort_by_key(|text| place(text));
        Ok(chain)
    }

    fn head(&self, state: &Connection, chain: &mut Chain, entries: usize) -> Worked<()> {
        let select = "SELECT seq, digest, mac FROM audit_head WHERE id = 1";
        let head = sql::first(state, select, [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
        })?;
        let Some((seq, digest, mac)) = head else {
            chain.breaks.push("the head is missing".to_owned());
            return Ok(());
        };
        if !head_fits(&self.seal, seq, &digest, &mac) {
            chain.breaks.push(
                "the head is not this state's own: the chain was rewritten, or the key is another one"
                    .to_owned(),
            );
        }
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        if usize::try_from(seq).ok().and_then(|seq| seq.checked_add(1)) != Some(entries)
            || digest != chain.head
        {
            chain.breaks.push(format!(
                "the head speaks of {}, and the chain ends otherwise: its tail was cut off or changed",
                count(seq + 1, "entry")
            ));
        }
        Ok(())
    }
}

/// Tells whether a leaf was erased, or what is wrong with it.
fn leaf_state(
    leaf: &Standing,
    seq: i64,
    stands: Option<&String>,
    latest: bool,
    erased: &Erased,
) -> Result<bool, String> {
    let what = &leaf.what;
    let Some(salt) = &leaf.salt else {
        let marked = erased.leaves.contains(&(seq, leaf.idx)) || erased.entries.contains(&seq);
        return if marked {
            Ok(true)
        } else {
            Err(format!("entry {seq}: its {what} is gone, and no entry says that it was erased"))
        };
    };
    if !latest {
        return Ok(false);
    }
    match leaf.record.as_ref().or(stands) {
        None => Err(format!("entry {seq}: its {what} is missing")),
        Some(record) if commitment(salt, what, record)[..] != leaf.commitment[..] => {
            Err(format!("entry {seq}: its {what} was changed afterwards"))
        }
        Some(_) => Ok(false),
    }
}

/// An entry that was walked over.
struct Walked {
    seq: i64,
    kind: String,
    run: String,
    root: Vec<u8>,
}

/// Follows the digests.
fn walk(state: &Connection, chain: &mut Chain) -> Worked<Vec<Walked>> {
    let select = "SELECT seq, at, kind, run, previous, root, digest FROM audit ORDER BY seq";
    let mut last: Vec<u8> = Vec::new();
    let mut entries: Vec<Walked> = Vec::new();
    sql::all(state, select, [], |row| {
        let (seq, kind, run): (i64, String, String) = (row.get(0)?, row.get(2)?, row.get(3)?);
        let (previous, root, digest): (Vec<u8>, Vec<u8>, Vec<u8>) = (row.get(4)?, row.get(5)?, row.get(6)?);
        let before = entries.last().map_or(-1, |entry: &Walked| entry.seq);
        if seq != before + 1 {
            chain.breaks.push(format!("entry {}: missing", before + 1));
        } else if previous != last {
            chain.breaks.push(format!("entry {seq}: it does not follow the one before"));
        }
        let entry = Entry { seq, at: Instant(row.get(1)?), kind: &kind, run: &run };
        if entry.digest(&previous, &root)[..] != digest[..] {
            chain.breaks.push(format!("entry {seq}: it was changed"));
        }
        entries.push(Walked { seq, kind, run, root });
        last = digest;
        Ok(())
    })?;
    chain.entries = entries.len() as u64;
    chain.head = last.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(entries)
}

/// Reads what the entries themselves say was erased.
fn erasures(state: &Connection) -> Worked<Erased> {
    let select = "SELECT record FROM audit_leaf JOIN audit ON audit.seq = entry WHERE kind IN ('erase', 'prune') AND record IS NOT NULL";
    let mut erased = Erased::default();
    sql::all(state, select, [], |row| {
        let record: Value = serde_json::from_str(row.get_ref(0)?.as_str()?).unwrap_or_default();
        let pairs = |name: &str| -> Vec<(i64, i64)> {
            let list = record.get(name).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(|pair| Some((pair.get(0)?.as_i64()?, pair.get(1)?.as_i64()?))).collect()
        };
        erased.leaves.extend(pairs("leaves"));
        erased.entries.extend(pairs("entries").into_iter().flat_map(|(first, last)| first..=last));
        Ok(())
    })?;
    Ok(erased)
}

fn leaves(state: &Connection, entry: i64) -> Worked<Vec<Standing>> {
    let select = "SELECT idx, what, commitment, salt, record FROM audit_leaf WHERE entry = ?1 ORDER BY idx";
    sql::all(state, select, [entry], |row| {
        Ok(Standing {
            idx: row.get(0)?,
            what: row.get(1)?,
            commitment: row.get(2)?,
            salt: row.get(3)?,
            record: row.get(4)?,
        })
    })
}

/// Gives the number of the entry that a break is about; the head comes first.
fn place(text: &str) -> i64 {
    let digits: String =
        text.strip_prefix("entry ").unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(-1)
}
