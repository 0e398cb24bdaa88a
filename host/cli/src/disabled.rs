//! `[leavers] disabled = "keep"`: the connector is asked to list disabled accounts, and says which they are.

use rollcall_connectors::Manifest;
use rollcall_core::{Diagnostic, Text, codes};
use rollcall_job::job::Job;
use serde_json::Value;

/// Completes a job that keeps disabled accounts with what the connector's manifest says of them.
///
/// # Errors
/// Where neither job nor connector says whose account is disabled, or the job asks that such accounts be left out.
pub(crate) fn keep(job: &mut Job, manifest: &Manifest) -> Result<(), Diagnostic> {
    if !job.leavers.keep_disabled {
        return Ok(());
    }
    let word = manifest.disabled.as_ref();
    if job.leavers.disabled_when.is_none() {
        let Some(word) = word else {
            let message = format!("the connector `{}` does not say whose account is disabled", manifest.name);
            return Err(Diagnostic::error(codes::JOB_BAD_VALUE, message)
                .path(&["leavers", "disabled"])
                .hint("say it under [leavers]: `disabled_when = 'status == \"disabled\"'`, an expression over `user`"));
        };
        job.leavers.disabled_when = Some((Text::from(word.when.as_str()), None));
    }
    let Some(setting) = word.and_then(|word| word.setting.as_ref()) else { return Ok(()) };
    if job.directory.settings.get(setting) == Some(&Value::Bool(false)) {
        let message = format!(
            "`{setting} = false` leaves disabled accounts out, and `leavers.disabled = \"keep\"` keeps them"
        );
        return Err(Diagnostic::error(codes::JOB_BAD_VALUE, message)
            .path(&["directory", "settings", setting])
            .hint(format!("take `{setting}` out")));
    }
    job.directory.settings.insert(setting.clone(), Value::Bool(true));
    Ok(())
}
