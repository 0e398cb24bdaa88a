//! `[leavers] disabled = "keep"`: the connector is asked to list disabled accounts, and says which they are.

use rollcall_connectors::Manifest;
use rollcall_core::{Diagnostic, Text, codes};
use rollcall_job::job::{DirectoryJob, Job};
use serde_json::Value;

/// Completes a job that keeps disabled accounts with what the manifests of its directories' connectors say of them, in
/// the order of the directories.
///
/// # Errors
/// Where neither job nor connector says whose account is disabled, or the job asks that such accounts be left out.
pub(crate) fn keep(job: &mut Job, manifests: &[&Manifest]) -> Result<(), Diagnostic> {
    if !job.leavers.keep_disabled {
        return Ok(());
    }
    if job.leavers.disabled_when.is_none() {
        let mut words: Vec<String> = Vec::new();
        for manifest in manifests {
            let Some(word) = &manifest.disabled else {
                let message =
                    format!("the connector `{}` does not say whose account is disabled", manifest.name);
                return Err(Diagnostic::error(codes::JOB_BAD_VALUE, message)
                    .path(&["leavers", "disabled"])
                    .hint("say it under [leavers]: `disabled_when = 'status == \"disabled\"'`, an expression over `user`"));
            };
            if !words.contains(&word.when) {
                words.push(word.when.clone());
            }
        }
        // What one directory says holds for nobody of another: its attributes are `()` there.
        let text = match words.as_slice() {
            [one] => one.clone(),
            several => several.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(" || "),
        };
        job.leavers.disabled_when = Some((Text::from(text), None));
    }
    job.directories
        .iter_mut()
        .zip(manifests)
        .try_for_each(|(directory, manifest)| listed(directory, manifest))
}

/// Asks a directory's connector to list disabled accounts.
fn listed(directory: &mut DirectoryJob, manifest: &Manifest) -> Result<(), Diagnostic> {
    let word = manifest.disabled.as_ref();
    let Some(setting) = word.and_then(|word| word.setting.as_ref()) else { return Ok(()) };
    if directory.settings.get(setting) == Some(&Value::Bool(false)) {
        let message = format!(
            "`{setting} = false` leaves disabled accounts out, and `leavers.disabled = \"keep\"` keeps them"
        );
        let found = Diagnostic::error(codes::JOB_BAD_VALUE, message)
            .path(&["directory", "settings", setting])
            .hint(format!("take `{setting}` out"));
        return Err(directory.placed(found));
    }
    directory.settings.insert(setting.clone(), Value::Bool(true));
    Ok(())
}
