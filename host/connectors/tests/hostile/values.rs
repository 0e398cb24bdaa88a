//! What no value may be: lists that lie beyond the memory, texts that are none, cases that there are not, handles that
//! were never given.

use wit_component::StringEncoding;

use crate::made::{ENDS, GRANT, Made, made};
use crate::trial::fails;

/// A page with words of 32 bits and bytes at these places, which then ends well: see `Made::text` for the places.
async fn page(guest: Made<'_>, words: &[(u32, u32)], bytes: &[(u32, u8)], grows: u64, expect: &str) {
    let put = |kind: &str, at: u32, value: u32| format!("({kind} (i32.const {at}) (i32.const {value}))");
    let words = words.iter().map(|(at, value)| put("i32.store", *at, *value));
    let bytes = bytes.iter().map(|(at, value)| put("i32.store8", *at, u32::from(*value)));
    let stores: String = words.chain(bytes).collect();
    let next = format!("(i32.store8 (i32.const 96) (i32.const 1)) {stores} (i32.const 64)");
    fails(&Made { next: &next, ..guest }.package(), &made(), grows, ("incomplete", expect)).await;
}

const COLUMNS: u32 = 68;
const CHANGES: u32 = 76;

#[tokio::test]
async fn lists_that_are_not_in_the_memory() {
    let guest = Made::default();
    let beyond = "out of bounds";
    page(guest, &[(COLUMNS, 131_064), (COLUMNS + 4, 2)], &[], 0, beyond).await;
    page(guest, &[(CHANGES, 0xffff_fff0), (CHANGES + 4, 1)], &[], 0, beyond).await;
    page(guest, &[(CHANGES, 128), (CHANGES + 4, u32::MAX)], &[], 0, beyond).await;
    // The product of length and size overflows 32 bits and is 4.
    page(guest, &[(CHANGES, 128), (CHANGES + 4, 0x3333_3334)], &[], 0, beyond).await;
    page(guest, &[(CHANGES, 129), (CHANGES + 4, 1)], &[], 0, "not aligned").await;
    // A text of a list that is itself in order.
    page(guest, &[(COLUMNS, 128), (COLUMNS + 4, 1), (128, 131_070), (132, 3)], &[], 0, beyond).await;
    let next = "(i32.const 131068)";
    fails(&Made { next, ..guest }.package(), &made(), 0, ("incomplete", beyond)).await;
    let next = "(i32.const 65)";
    fails(&Made { next, ..guest }.package(), &made(), 0, ("incomplete", "not aligned")).await;
}

#[tokio::test]
async fn many_small_texts_and_users_are_counted_by_what_they_take_here() {
    // Zeroes are empty texts and users without a name: millions of them cost the guest one number.
    let guest = Made { pages: 1400, ..Made::default() };
    let large = "more than 96 MiB at once";
    page(guest, &[(COLUMNS, 1024), (COLUMNS + 4, 8_000_000)], &[], 320, large).await;
    page(guest, &[(CHANGES, 1024), (CHANGES + 4, 4_000_000)], &[], 320, large).await;
    // Just under that limit every one of them is made, and refused then.
    let few = "more than 1000 columns";
    page(guest, &[(COLUMNS, 1024), (COLUMNS + 4, 6_000_000)], &[], 320, few).await;
    // Behind whatever the host has put into the memory.
    page(guest, &[(CHANGES, 1 << 20), (CHANGES + 4, 1_900_000)], &[], 320, "a user without an id").await;
    let user = [(CHANGES, 128), (CHANGES + 4, 1), (132, 300), (136, 1), (140, 256), (144, 1)];
    let texts = [(264, 1024), (268, 6_000_000)];
    page(guest, &[user.as_slice(), &texts].concat(), &[(256, 5), (300, b'a')], 320, "1 values for 0 columns")
        .await;
}

#[tokio::test]
async fn texts_that_are_none() {
    let guest = Made::default();
    let column = [(COLUMNS, 128), (COLUMNS + 4, 1), (128, 256), (132, 2)];
    for bytes in [[0xc3, 0x28], [0xff, 0xfe], [0xed, 0xa0], [0xc0, 0x80]] {
        page(guest, &column, &[(256, bytes[0]), (257, bytes[1])], 0, "utf-8").await;
    }
    let guest = Made { encoding: StringEncoding::UTF16, ..guest };
    // Half of a pair, and a pair in the wrong order.
    page(guest, &column, &[(256, 0x00), (257, 0xd8), (258, 0x41)], 0, "surrogate").await;
    page(guest, &column, &[(256, 0x00), (257, 0xdc), (258, 0x00), (259, 0xd8)], 0, "surrogate").await;
}

#[tokio::test]
async fn cases_that_there_are_not() {
    let guest = Made::default();
    let change = [(CHANGES, 128), (CHANGES + 4, 1)];
    let user = [(CHANGES, 128), (CHANGES + 4, 1), (140, 256), (144, 1)];
    let unknown = "discriminant";
    page(guest, &change, &[(128, 3)], 0, unknown).await;
    page(guest, &user, &[(256, 6)], 0, unknown).await;
    page(guest, &[], &[(64, 2)], 0, unknown).await;
    page(guest, &[], &[(84, 2)], 0, unknown).await;
    page(guest, &[], &[(96, 2)], 0, unknown).await;
    page(guest, &[], &[(97, 2)], 0, unknown).await;
    // An error that is none of ours.
    page(guest, &[], &[(64, 1), (68, 6)], 0, unknown).await;
}

#[tokio::test]
async fn handles_that_were_never_given() {
    let imports = "import rollcall:connector/http@0.1.0;";
    let head = r#"
        (import "rollcall:connector/http@0.1.0" "[method]response.status" (func $status (param i32) (result i32)))
        (import "rollcall:connector/http@0.1.0" "[resource-drop]response" (func $drop (param i32)))
        (import "[export]rollcall:connector/directory@0.1.0" "[resource-drop]listing" (func $gone (param i32)))
    "#;
    let guest = Made { imports, head, grants: GRANT, ..Made::default() };
    for next in [
        // Nobody's, and a large one.
        "(drop (call $status (i32.const 77)))",
        "(drop (call $status (i32.const -1)))",
        "(call $drop (i32.const 1000000))",
        // Its own listing in the place of a response.
        "(drop (call $status (call $new (i32.const 5))))",
        "(call $drop (call $new (i32.const 5)))",
    ] {
        let next = format!("{next} {ENDS}");
        fails(&Made { next: &next, ..guest }.package(), &made(), 0, ("incomplete", "handle")).await;
    }
    let twice = format!(
        "(local $it i32) (local.set $it (call $new (i32.const 5)))
         (call $gone (local.get $it)) (call $gone (local.get $it)) {ENDS}"
    );
    fails(&Made { next: &twice, ..guest }.package(), &made(), 0, ("incomplete", "handle")).await;
    // What it gives as a listing is none.
    let open = "(i32.store (i32.const 36) (i32.const 99)) (i32.const 32)";
    fails(&Made { open, ..guest }.package(), &made(), 0, ("incomplete", "handle")).await;
}
