//! The registry of codes. A code keeps its meaning for ever and is never used again for another.
//!
//! 01xx job file · 02xx expressions and rules · 03xx directory and connectors · 04xx one user · 05xx plan and guard ·
//! 06xx phone system · 07xx state · 09xx command line.

use crate::diag::Code;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: Code = Code($code);)+
        /// Every code with its meaning, in order.
        pub const ALL: &[(Code, &str)] = &[$((Code($code), concat!($($doc,)+))),+];
    };
}

codes! {
    /// The job file cannot be read.
    JOB_UNREADABLE = "E0100";
    /// The job file is no TOML.
    JOB_SYNTAX = "E0101";
    /// A key that does not exist.
    JOB_UNKNOWN_KEY = "E0102";
    /// A mandatory key is missing.
    JOB_MISSING_KEY = "E0103";
    /// A value of the wrong type or outside its choices.
    JOB_BAD_VALUE = "E0104";
    /// The same key in two included files.
    JOB_TWICE = "E0105";
    /// A credential stands where a setting belongs, or a URL carries user information.
    JOB_CREDENTIAL_IN_SETTINGS = "E0106";
    /// A field that cannot be treated so.
    JOB_FIELD_POLICY = "E0108";
    /// A credential reference gives nothing.
    CREDENTIAL_MISSING = "E0110";
    /// A credential expires soon.
    CREDENTIAL_EXPIRING = "E0111";
    /// A credential has expired.
    CREDENTIAL_EXPIRED = "E0112";
    /// Others can write a file that is code, or a folder on the way to it.
    JOB_WRITABLE = "E0113";
    /// A job that is to be run on a schedule and has none.
    JOB_UNSCHEDULED = "E0114";
    /// Two job files of one name.
    JOB_NAME_TWICE = "E0115";

    /// An expression or rule file that does not parse, or gives a user another value.
    RULE_SYNTAX = "E0200";
    /// A function that does not exist, or not with so many arguments.
    RULE_UNKNOWN_FUNCTION = "E0201";
    /// A variable that does not exist.
    RULE_UNKNOWN_VARIABLE = "E0202";
    /// A provisioning rule with a wrong or missing value.
    RULE_BAD_VALUE = "E0203";
    /// Two provisioning rules of one name.
    RULE_TWICE = "E0204";
    /// An attribute that the directory does not have.
    ATTRIBUTE_UNKNOWN = "E0205";
    /// An attribute that no user has.
    ATTRIBUTE_UNSEEN = "E0206";
    /// A rule test that failed.
    RULE_TEST_FAILED = "E0207";
    /// A rule or branch that no test reached.
    RULE_UNTESTED = "E0208";
    /// A rule file that cannot be read.
    RULE_UNREADABLE = "E0209";

    /// The connector is not known or its file cannot be read.
    CONNECTOR_UNKNOWN = "E0300";
    /// The file is no connector, or one that cannot be used.
    CONNECTOR_INVALID = "E0301";
    /// A setting that the connector's manifest does not allow.
    SETTING_INVALID = "E0302";
    /// The connector asked for something that is not granted, or went over a limit.
    CONNECTOR_REFUSED = "E0303";
    /// The directory cannot be reached or did not answer in time.
    DIRECTORY_UNREACHABLE = "E0304";
    /// The directory refused the credential or lacks a permission.
    DIRECTORY_DENIED = "E0305";
    /// The listing did not come to a good end.
    READ_INCOMPLETE = "E0306";
    /// The connector failed for good.
    CONNECTOR_FAILED = "E0307";
    /// A record that the connector handed over is malformed.
    RECORD_INVALID = "E0308";
    /// The recording cannot be used or does not hold what was asked.
    RECORDING_INVALID = "E0309";
    /// A certificate that is not trusted.
    TLS_UNTRUSTED = "E0310";
    /// Only what changed was read.
    CHANGES_READ = "E0311";
    /// A line of `[directory.grants]` for what the connector does not ask for.
    GRANT_UNASKED = "E0312";
    /// The connector is made for another contract than this program speaks.
    CONNECTOR_CONTRACT = "E0320";
    /// The file is no connector package.
    PACKAGE_FOREIGN = "E0321";
    /// The package is cut off, or is not as it is packed.
    PACKAGE_DAMAGED = "E0322";
    /// The package is not signed.
    PACKAGE_UNSIGNED = "E0323";
    /// The package is signed with a key that is not trusted, or not for this connector.
    PUBLISHER_UNKNOWN = "E0324";
    /// The package is not what was signed or installed.
    PACKAGE_TAMPERED = "E0325";
    /// The package or its key is revoked.
    PACKAGE_REVOKED = "E0326";
    /// The package is older than the one that is installed, or another one of the same version.
    PACKAGE_OLDER = "E0327";
    /// A partner's connector takes the name of one that comes with the program.
    NAME_RESERVED = "E0328";
    /// The package asks for what nobody has agreed to yet.
    PACKAGE_ASKS = "E0329";
    /// A connector is not the one that `rollcall.lock` pins.
    LOCK_DIFFERS = "E0330";
    /// `rollcall.lock` is missing or cannot be read.
    LOCK_MISSING = "E0331";
    /// A key that cannot be used.
    KEY_INVALID = "E0332";
    /// A connector that is not installed.
    NOT_INSTALLED = "E0333";
    /// A connector's project cannot be built.
    BUILD = "E0334";
    /// A package cannot be fetched from where it is said to be.
    PACKAGE_UNREACHED = "E0335";
    /// A package from elsewhere whose digest nobody gave.
    PACKAGE_UNPINNED = "E0336";
    /// A registry does not give the package to whoever asks.
    PACKAGE_DENIED = "E0337";

    /// An expression failed for this user.
    USER_EXPRESSION = "E0400";
    /// A mandatory value is missing.
    USER_MISSING = "E0401";
    /// A value breaks a constraint of the phone system.
    USER_INVALID = "E0402";
    /// A user identification that several users share.
    USER_DUPLICATE = "E0403";
    /// The name belongs to somebody else.
    NAME_TAKEN = "E0404";
    /// The number belongs to somebody else.
    NUMBER_TAKEN = "E0405";
    /// The rule's range has no free number left.
    RANGE_EXHAUSTED = "E0406";
    /// A value names no system.
    SYSTEM_UNKNOWN = "E0407";
    /// A template that the phone system does not have.
    TEMPLATE_UNKNOWN = "E0408";
    /// No provisioning rule matched.
    NO_RULE = "E0409";
    /// Hunt groups that do not exist.
    GROUP_UNKNOWN = "E0410";
    /// The identification belonged to another person.
    IDENTITY_REUSED = "E0411";
    /// The identification of the same person changed.
    IDENTITY_CHANGED = "E0412";
    /// An owned user was deleted by hand on the phone system.
    USER_GONE = "E0413";
    /// Rule or system now differ from what the user was made with.
    RULE_DIFFERS = "E0414";
    /// The voicemail box follows the name.
    RENAME = "E0415";
    /// A code that is easy to guess.
    CODE_WEAK = "E0416";
    /// A field that this phone system cannot take.
    FIELD_UNWRITABLE = "E0417";
    /// The user belongs to another job.
    OWNED_ELSEWHERE = "E0418";
    /// Licences or capacity are used up.
    CAPACITY = "E0419";
    /// A leaver is protected.
    PROTECTED = "E0420";
    /// A leaver whose delete is not due yet.
    LEAVER_PENDING = "E0421";
    /// Another directory of the job has the same user identification and comes first.
    USER_OUTRANKED = "E0422";
    /// An account that is disabled in the directory, and that the job keeps.
    ACCOUNT_DISABLED = "E0440";

    /// Several candidates on one side: nobody is adopted.
    ADOPT_AMBIGUOUS = "E0430";
    /// A phone user that fits and is not adopted, with the reason.
    ADOPT_REFUSED = "E0431";
    /// Nobody watches the run, so it does not adopt.
    ADOPT_UNATTENDED = "E0432";
    /// A link by hand that cannot be made.
    LINK_REFUSED = "E0433";
    /// Two are linked by hand whose e-mails differ.
    LINK_EMAILS = "E0434";
    /// Somebody who looks new stands on the phone system already, and nobody owns that phone user.
    STANDS_UNLINKED = "E0441";

    /// The plan deletes more than the guard allows.
    GUARD_DELETE = "E0500";
    /// The plan creates more than the guard allows.
    GUARD_CREATE = "E0501";
    /// The plan updates more than the guard allows.
    GUARD_UPDATE = "E0502";
    /// More users lose a value or a group than the guard allows.
    GUARD_CLEAR = "E0503";
    /// The directory has far fewer users than before, or none.
    GUARD_DIRECTORY = "E0504";
    /// More than a tenth of the owned users are gone from the phone system.
    GUARD_OFFICE = "E0505";
    /// The job points to another directory than at its first sync.
    DIRECTORY_CHANGED = "E0506";
    /// The job points to another phone system than at its first sync.
    OFFICE_CHANGED = "E0507";
    /// What a tick leaves undone.
    TICK_OFF = "E0508";
    /// Something moved since the plan was made.
    STALE = "E0509";
    /// Connector, settings or identification changed, so that nothing is deleted this time.
    SCOPE_CHANGED = "E0510";
    /// A guard that this run may pass.
    GUARD_ACCEPTED = "E0511";
    /// The clock jumped, so that nothing is deleted and nothing is released from quarantine this time.
    CLOCK_JUMPED = "E0520";
    /// Values that were changed by hand on the phone system and are written back.
    DRIFT_WRITTEN_BACK = "E0521";
    /// Values that were changed by hand on the phone system and are kept.
    DRIFT_KEPT = "E0522";
    /// The user whose grace is to be ended is no leaver.
    NO_LEAVER = "E0523";
    /// A recording is replayed, so that nothing is deleted on a real IP Office.
    RECORDING_REPLAYED = "E0524";
    /// The job owns nobody, and its people belong to other jobs.
    ALL_ELSEWHERE = "E0525";

    /// A file that is no plan, or not as it was written.
    PLAN_ALTERED = "E0540";
    /// A plan of another state, job, directory or phone system.
    PLAN_ELSEWHERE = "E0541";
    /// A plan that was applied already.
    PLAN_APPLIED = "E0542";
    /// A plan that is too old.
    PLAN_OLD = "E0543";
    /// What decided the plan was changed since: the job file, a rule file, a template file, the connector.
    PLAN_JOB_MOVED = "E0544";

    /// The phone system cannot be reached.
    OFFICE_UNREACHABLE = "E0600";
    /// The phone system refused the credential.
    OFFICE_DENIED = "E0601";
    /// The phone system refused a write.
    OFFICE_REFUSED = "E0602";
    /// What stands after a write is not what was planned.
    OFFICE_UNEXPECTED = "E0603";
    /// It is not known whether a write took place.
    OFFICE_UNSURE = "E0604";
    /// The phone system hides elements from reads, and an update could lose them.
    OFFICE_HIDES = "E0605";
    /// The phone system's file or answer is damaged.
    OFFICE_DAMAGED = "E0606";
    /// A system of the network did not answer.
    OFFICE_INCOMPLETE = "E0607";
    /// A template file that cannot be used.
    TEMPLATE_INVALID = "E0608";
    /// An office file, or an export that is read as one, that cannot be used.
    OFFICE_FILE = "E0609";
    /// A write that was lost on its way, and did not take place.
    OFFICE_LOST = "E0610";

    /// The state cannot be opened.
    STATE_UNUSABLE = "E0700";
    /// Another run holds the job or its phone system.
    LEASE_HELD = "E0701";
    /// A run or plan that does not exist.
    RUN_UNKNOWN = "E0702";
    /// An interrupted run waits for `resume`.
    RUN_INTERRUPTED = "E0703";
    /// Another run has taken the phone system over in the middle of this one.
    LEASE_LOST = "E0704";
    /// What an interrupted run had begun was found out.
    RUN_RECOVERED = "E0705";
    /// A run that cannot be resumed.
    RUN_NOT_RESUMABLE = "E0706";
    /// The codes of a new user cannot be handed over.
    HANDOVER = "E0740";

    /// A change that was undone already.
    UNDO_DONE = "E0720";
    /// A later run changed the user too.
    UNDO_LATER = "E0721";
    /// What stands is not what the run wrote, so it is kept.
    UNDO_MOVED = "E0722";
    /// What does not come back with a user.
    UNDO_LOST = "E0723";
    /// A run that cannot be undone.
    UNDO_REFUSED = "E0724";
    /// A job that waits for a sync by hand.
    JOB_HELD = "E0725";
    /// What a move takes from the user.
    MOVE_LOSES = "E0726";
    /// A user whom the rules leave where it is.
    NOTHING_TO_MOVE = "E0727";

    /// A person is to be erased whom a job still owns.
    STILL_LINKED = "E0710";

    /// The command is used wrongly.
    USAGE = "E0900";
    /// Nobody can be asked and `--yes` is missing.
    NOT_CONFIRMED = "E0901";
    /// A file cannot be written or read.
    FILE = "E0902";
    /// Nobody could be told of a run.
    NOTIFY_FAILED = "E0904";
    /// An address cannot be listened on.
    LISTEN = "E0905";
    /// A slot that is not run, or not at its time.
    SLOT_PASSED = "E0906";
    /// No user, or several users, fit.
    USER_NOT_FOUND = "E0903";
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_code_is_used_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for (code, _) in super::ALL {
            assert!(seen.insert(code.0), "{} stands twice", code.0);
        }
    }
}
