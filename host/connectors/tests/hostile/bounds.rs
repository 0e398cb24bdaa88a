//! Time, memory, tables, handles: guests made by hand that want more than there is.

use rollcall_edges::directory::DirectoryError;

use crate::bench::{host, read};
use crate::made::{ENDS, GRANT, Made, made};
use crate::trial::{alone, fails, limit};

const FOREVER: &str = "(loop $on (br $on))";

/// A guest whose memory is small in the job's terms.
async fn within(guest: Made<'_>, memory_mib: u64, expect: (&str, &str)) {
    let mut spec = made();
    limit(&mut spec, "memory_mib", memory_mib);
    fails(&guest.package(), &spec, memory_mib, expect).await;
}

#[test]
fn a_guest_by_hand_is_a_connector() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pages = runtime.block_on(async {
        let _alone = alone().await;
        let mut connector = host().connect(&Made::default().package(), &made()).await?;
        read(&mut connector).await
    });
    assert_eq!(pages.unwrap().len(), 1);
}

#[tokio::test]
async fn a_start_function_that_never_ends() {
    let head = "(func $begin (loop $on (br $on))) (start $begin)";
    within(
        Made { head, ..Made::default() },
        32,
        ("permanent", "computed for more than 1 seconds in one call"),
    )
    .await;
}

#[tokio::test]
async fn a_destructor_that_never_ends_never_runs() {
    let _alone = alone().await;
    let guest = Made { destructor: FOREVER, ..Made::default() };
    let began = std::time::Instant::now();
    let mut connector = host().connect(&guest.package(), &made()).await.unwrap();
    assert_eq!(read(&mut connector).await.unwrap().len(), 1);
    // The store is thrown away with all that is in it; the guest is not asked.
    assert!(began.elapsed().as_millis() < 900, "{:?}", began.elapsed());
}

#[tokio::test]
async fn several_memories_are_one() {
    let memories: String = (0..8).map(|at| format!("(memory $m{at} 0)")).collect();
    let grow: String = (0..8)
        .map(|at| {
            format!("(if (i32.eq (memory.grow $m{at} (i32.const 96)) (i32.const -1)) (then unreachable))")
        })
        .collect();
    // Six MiB each: none is over the limit, and all together are.
    let guest = Made { memories: &memories, next: &format!("{grow} {ENDS}"), ..Made::default() };
    within(guest, 32, ("incomplete", "needs more than 32 MiB of memory")).await;
    let _alone = alone().await;
    let mut spec = made();
    limit(&mut spec, "memory_mib", 64);
    let mut connector = host().connect(&guest.package(), &spec).await.unwrap();
    assert_eq!(read(&mut connector).await.unwrap().len(), 1, "48 MiB are within 64");
}

#[tokio::test]
async fn a_huge_memory_or_table_from_the_start() {
    let guest = Made { pages: 1024, ..Made::default() };
    within(guest, 32, ("permanent", "needs more than 32 MiB of memory")).await;
    let head = "(table 4000000000 funcref)";
    within(Made { head, ..Made::default() }, 32, ("permanent", "crashed")).await;
}

#[tokio::test]
async fn a_table_that_grows_for_ever() {
    let head = "(table $t 0 funcref)";
    let next = "(loop $on
        (br_if $on (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1)))) unreachable";
    within(Made { head, next, ..Made::default() }, 32, ("incomplete", "the connector crashed")).await;
}

#[tokio::test]
async fn the_stack_of_the_machine_ends() {
    let head = "(func $deep (param i64) (result i64)
        (i64.add (call $deep (i64.add (local.get 0) (i64.const 1))) (local.get 0)))";
    let next = "(drop (call $deep (i64.const 0))) (i32.const 64)";
    within(Made { head, next, ..Made::default() }, 32, ("incomplete", "call stack exhausted")).await;
}

#[tokio::test]
async fn filling_all_memory_again_and_again() {
    // 240 MiB by one instruction, which nothing interrupts.
    let next = "(loop $on
        (memory.fill (i32.const 65536) (i32.const 1) (i32.const 251658240)) (br $on)) (i32.const 64)";
    let guest = Made { next, pages: 3842, ..Made::default() };
    within(guest, 256, ("incomplete", "computed for more than 1 seconds in one call")).await;
}

#[tokio::test]
async fn a_flood_of_handles() {
    let next = "(loop $on (drop (call $new (i32.const 1))) (br $on)) (i32.const 64)";
    within(Made { next, ..Made::default() }, 32, ("incomplete", "the connector crashed")).await;
}

#[tokio::test]
async fn more_random_bytes_than_there_are() {
    let imports = "import wasi:random/random@0.2.6;";
    let head = r#"(import "wasi:random/random@0.2.6" "get-random-bytes" (func $random (param i64 i32)))"#;
    let next = "(call $random (i64.const 9223372036854775807) (i32.const 512)) (i32.const 64)";
    within(Made { imports, head, next, ..Made::default() }, 32, ("incomplete", "the connector crashed"))
        .await;
}

#[tokio::test]
async fn asking_for_the_time_for_ever() {
    let imports = "import wasi:clocks/monotonic-clock@0.2.6;";
    let head = r#"(import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $now (result i64)))"#;
    let next = "(loop $on (drop (call $now)) (br $on)) (i32.const 64)";
    let guest = Made { imports, head, next, ..Made::default() };
    within(guest, 32, ("incomplete", "computed for more than 1 seconds in one call")).await;
}

#[test]
fn what_the_manifest_does_not_ask_for_is_not_given() {
    let imports = "import rollcall:connector/http@0.1.0;";
    let head = r#"(import "rollcall:connector/http@0.1.0" "[method]response.status"
        (func $status (param i32) (result i32)))"#;
    let guest = Made { imports, head, ..Made::default() };
    let wrong = rollcall_connectors::Package::read(guest.bytes()).unwrap_err();
    assert_eq!(wrong[0].message, "the component imports `http` but its manifest has no `[[grant.http]]`");
    Made { grants: GRANT, ..guest }.package();
}

#[tokio::test]
async fn a_host_function_that_breaks_breaks_nobody_else() {
    let _alone = alone().await;
    let head = r#"(import "rollcall:connector/run@0.1.0" "progress" (func $progress (param i32 i32 i32)))"#;
    let next = format!("(call $progress (i32.const 1) (i32.const 0) (i32.const 0)) {ENDS}");
    let guest = Made { head, next: &next, ..Made::default() }.package();
    let mut spec = made();
    spec.progress = Some(std::sync::Arc::new(|_, _| panic!("a mistake of the host's own")));
    let host = host();
    let mut connector = host.connect(&guest, &spec).await.unwrap();
    let error = read(&mut connector).await.unwrap_err();
    let DirectoryError::Permanent(message) = &error else { panic!("{error:?}") };
    assert_eq!(message, "the connector's host failed; please report this");
    spec.progress = None;
    let mut connector = host.connect(&guest, &spec).await.unwrap();
    assert_eq!(read(&mut connector).await.unwrap().len(), 1);
}
