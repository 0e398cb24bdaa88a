//! `rename-job`: a job's links, runs and clocks get its new name.

use rollcall_core::codes;
use rollcall_core::text::count;
use rollcall_edges::state::State as _;
use serde_json::json;

use crate::args::Global;
use crate::commands::runs::job_name;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::time;
use crate::view::json as shapes;
use crate::view::text::shown;
use crate::wiring;

/// Runs the command.
pub(crate) async fn run(
    global: &Global,
    output: &Output,
    old: &str,
    new: &str,
    wait_ms: u64,
) -> Result<u8, Failure> {
    let now = time::clock()?.now();
    let new = job_name(new)?;
    if old == &*new {
        let message = format!("the job is called `{old}` already");
        return Err(
            Failure::new(exit::USAGE, codes::USAGE, message).hint("give its former name and its new one")
        );
    }
    let store = wiring::store(global).await?;
    let office = store.job(old).await?.office.unwrap_or_default();
    // Nobody syncs under either name meanwhile.
    let _old = store.lease(old, &office, wait_ms).await?;
    let links = store.rename_job(old, &new, now)?;
    if output.json {
        let document =
            json!({ "schema_version": shapes::SCHEMA_VERSION, "from": old, "to": &*new, "links": links });
        output.payload(&shapes::write(&document));
    }
    output.human(&format!("`{}` is now `{}`: {} moved.\n", shown(old), shown(&new), count(links, "link")));
    output.say(&format!("write `name = \"{}\"` in the job file, if it does not say so yet", shown(&new)));
    Ok(exit::DONE)
}
