//! Appending to the chain, always in the transaction that does what the entry speaks of.

use rollcall_edges::clock::Instant;
use rollcall_edges::state::StateError;
use rollcall_sqlite::{Connection, params};

use super::{Act, Entry, Leaf, RunStep, SALT_BYTES, commitment, root, rows};
use crate::seal::{Seal, damaged};
use crate::sql::{self, Worked};
use crate::store::Store;

/// The purpose of the head's keyed hash.
const HEAD: &str = "audit head";

/// Begins the chain of a state, in the transaction that makes its tables.
pub(crate) fn begin(state: &Connection, seal: &Seal) -> Worked<()> {
    let entry = Entry { seq: 0, at: Instant(0), kind: "begin", run: "" };
    let root = root(std::iter::empty());
    insert(state, &entry, &[], &root)?;
    let digest = entry.digest(&[], &root);
    let insert = "INSERT INTO audit_head (id, seq, digest, mac) VALUES (1, 0, ?1, ?2)";
    sql::run(state, insert, params![digest, head_mac(seal, 0, &digest)]).map(drop)
}

/// Authenticates a head.
pub(super) fn head_mac(seal: &Seal, seq: i64, digest: &[u8]) -> [u8; 32] {
    seal.keyed().hash(HEAD, &[&seq.to_le_bytes(), digest])
}

/// Tells whether a head is this state's own.
pub(super) fn head_fits(seal: &Seal, seq: i64, digest: &[u8], mac: &[u8]) -> bool {
    seal.keyed().fits(HEAD, &[&seq.to_le_bytes(), digest], mac)
}

fn insert(state: &Connection, entry: &Entry<'_>, previous: &[u8], root: &[u8]) -> Worked<()> {
    let insert =
        "INSERT INTO audit (seq, at, kind, run, previous, root, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let Entry { seq, at, kind, run } = *entry;
    let digest = entry.digest(previous, root);
    sql::run(state, insert, params![seq, at.0, kind, run, previous, root, digest]).map(drop)
}

impl Store {
    /// Notes an act in the audit chain, in a transaction of its own.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn audit(&self, act: &Act<'_>) -> Result<(), StateError> {
        self.write(|state| self.audit_act(state, act).map(drop))
    }

    /// Notes an act in the audit chain, in the transaction that does it.
    pub(crate) fn audit_act(&self, state: &Connection, act: &Act<'_>) -> Worked<i64> {
        self.append(state, act.at, act.kind, act.run.unwrap_or_default(), vec![act.leaf()])
    }

    /// Notes in the audit chain what became of a run, with its rows as they stand in this transaction.
    pub(crate) fn audit_run(&self, state: &Connection, run: &str, step: RunStep, at: Instant) -> Worked<()> {
        let leaves = rows::leaves(state, run, step)?;
        self.append(state, at, step.kind(), run, leaves).map(drop)
    }

    fn append(
        &self,
        state: &Connection,
        at: Instant,
        kind: &str,
        run: &str,
        leaves: Vec<Leaf>,
    ) -> Worked<i64> {
        // The head is written first: whoever else appends waits here, and reads what this transaction leaves.
        let take = "UPDATE audit_head SET seq = seq + 1 WHERE id = 1 RETURNING seq, digest";
        let head = sql::first(state, take, [], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        let (seq, previous) = head.ok_or_else(|| damaged("the audit chain has no head"))?;
        let mut salts = vec![0u8; leaves.len() * SALT_BYTES];
        getrandom::fill(&mut salts).map_err(|error| damaged(&format!("no random numbers: {error}")))?;
        let salted: Vec<_> = leaves
            .into_iter()
            .zip(salts.chunks_exact(SALT_BYTES))
            .map(|(leaf, salt)| (commitment(salt, &leaf.what, &leaf.record), salt, leaf))
            .collect();
        let root = root(salted.iter().map(|(commitment, ..)| commitment.as_slice()));
        let entry = Entry { seq, at, kind, run };
        insert(state, &entry, &previous, &root)?;
        for (idx, (commitment, salt, leaf)) in (0i64..).zip(&salted) {
            let insert = "INSERT INTO audit_leaf (entry, idx, what, commitment, salt, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let record = leaf.kept.then_some(&leaf.record);
            sql::run(state, insert, params![seq, idx, leaf.what, commitment, salt, record])?;
        }
        let digest = entry.digest(&previous, &root);
        let put = "UPDATE audit_head SET digest = ?1, mac = ?2 WHERE id = 1";
        sql::run(state, put, params![digest, head_mac(&self.seal, seq, &digest)])?;
        Ok(seq)
    }
}
