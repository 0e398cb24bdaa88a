//! The archive inside a package: a plain tar (POSIX ustar) of few, known files, always written the same way.
//!
//! Our own and not a crate's, because what is wanted is the opposite of what such a crate offers: not everything that an
//! archive may hold, but one way to write these files, and the refusal of everything else.

use crate::words::tame;

/// The length of a header and of what contents are padded to, in bytes.
const BLOCK: usize = 512;
/// What every file may be by, and nobody else write: as text in octal, as tar has it.
const MODE: &[u8] = b"0000644\0";
const MAGIC: &[u8] = b"ustar\x0000";
/// Where the parts of a header begin (POSIX.1-1988, ustar).
const SIZE_AT: usize = 124;
const SUM_AT: usize = 148;
const KIND_AT: usize = 156;
const MAGIC_AT: usize = 257;
const NAME_BYTES: usize = 100;

/// Writes files in the order given. Names are shorter than 100 bytes.
pub(super) fn write(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in files {
        out.extend_from_slice(&header(name, content.len()));
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    // Two empty blocks end an archive.
    out.resize(out.len() + 2 * BLOCK, 0);
    out
}

/// Makes the header of a file: of nobody, from 1970, so that the same contents are always the same bytes.
fn header(name: &str, size: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, &name.as_bytes()[..name.len().min(NAME_BYTES)]);
    put(100, MODE);
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(SIZE_AT, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(SUM_AT, b"        ");
    put(KIND_AT, b"0");
    put(MAGIC_AT, MAGIC);
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[SUM_AT..SUM_AT + 8].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// Says whether bytes begin as an archive does.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.get(MAGIC_AT..MAGIC_AT + 5) == Some(b"ustar")
}

/// Reads an archive. `most` gives the longest that a file of this name may be, and none where there must be no such file.
/// Gives each file once, in its order.
///
/// # Errors
/// Says in one clause what the archive has that it must not have.
pub(super) fn read(
    bytes: &[u8],
    most: impl Fn(&str) -> Option<usize>,
) -> Result<Vec<(String, &[u8])>, String> {
    let mut files: Vec<(String, &[u8])> = Vec::new();
    let mut rest = bytes;
    loop {
        let cut_off = || "it is cut off".to_owned();
        let (header, after) = rest.split_at_checked(BLOCK).ok_or_else(cut_off)?;
        if header.iter().all(|byte| *byte == 0) {
            return if after.len() < BLOCK {
                Err(cut_off())
            } else if after.len() > BLOCK || after.iter().any(|byte| *byte != 0) {
                Err("something stands behind its end".to_owned())
            } else {
                Ok(files)
            };
        }
        let (name, size) = entry(header)?;
        let Some(most) = most(&name) else {
            return Err(format!("it holds `{}`, which no package has", tame(&name, NAME_BYTES)));
        };
        if files.iter().any(|(known, _)| *known == name) {
            return Err(format!("it holds `{name}` twice"));
        }
        if size > most {
            return Err(format!("its `{name}` has {size} bytes, and at most {most} are allowed"));
        }
        let (content, after) = after.split_at_checked(size).ok_or_else(cut_off)?;
        let padding = size.next_multiple_of(BLOCK) - size;
        rest = after.get(padding..).ok_or_else(cut_off)?;
        files.push((name, content));
    }
}

/// Reads a header: the name and the size of a plain file.
fn entry(header: &[u8]) -> Result<(String, usize), String> {
    let (name, _) = header.split_at(NAME_BYTES);
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let name = String::from_utf8_lossy(name).into_owned();
    let shown = || tame(&name, NAME_BYTES);
    if !is_archive(header) {
        return Err("it is no archive".to_owned());
    }
    let kind = match header.get(KIND_AT) {
        Some(b'0') => None,
        Some(b'1' | b'2') => Some("a link"),
        Some(b'5') => Some("a folder"),
        _ => Some("something else than a file"),
    };
    if let Some(kind) = kind {
        return Err(format!("its `{}` is {kind}", shown()));
    }
    if name.starts_with('/') || name.split('/').any(|part| part == "..") {
        return Err(format!("its `{}` leads out of it", shown()));
    }
    let size = header.get(SIZE_AT..SIZE_AT + 11).and_then(|size| std::str::from_utf8(size).ok());
    let size = size.and_then(|size| usize::from_str_radix(size, 8).ok());
    let size = size.ok_or_else(|| format!("the size of its `{}` is no number", shown()))?;
    Ok((name, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(name: &str) -> Option<usize> {
        matches!(name, "a" | "b/c").then_some(1000)
    }

    #[test]
    fn what_was_written_is_read() {
        let archive = write(&[("a", b"one"), ("b/c", &[7; 513])]);
        assert_eq!(archive.len(), 512 * (2 + 3 + 2));
        let files = read(&archive, allowed).unwrap();
        assert_eq!(files, [("a".to_owned(), &b"one"[..]), ("b/c".to_owned(), &[7; 513][..])]);
    }

    #[test]
    fn what_no_package_has_is_refused() {
        let check = |archive: &[u8], expect: &str| {
            assert_eq!(read(archive, allowed).unwrap_err(), expect);
        };
        let one = write(&[("a", b"one")]);
        let changed = |at: usize, to: &[u8]| {
            let mut archive = one.clone();
            archive[at..at + to.len()].copy_from_slice(to);
            archive
        };
        for length in [0, 511, 512, 514, 1024, 1535, one.len() - 1] {
            check(&one[..length], "it is cut off");
        }
        check(&[one.clone(), vec![0]].concat(), "something stands behind its end");
        check(&write(&[("x", b"")]), "it holds `x`, which no package has");
        check(&write(&[("a", b""), ("a", b"")]), "it holds `a` twice");
        check(&write(&[("a", &[0; 1001])]), "its `a` has 1001 bytes, and at most 1000 are allowed");
        check(&write(&[("../a", b"")]), "its `../a` leads out of it");
        check(&write(&[("/a", b"")]), "its `/a` leads out of it");
        check(&changed(KIND_AT, b"2"), "its `a` is a link");
        check(&changed(KIND_AT, b"5"), "its `a` is a folder");
        check(&changed(KIND_AT, b"x"), "its `a` is something else than a file");
        check(
            &changed(SIZE_AT, b"77777777777"),
            "its `a` has 8589934591 bytes, and at most 1000 are allowed",
        );
        check(&changed(SIZE_AT, b"0000000000x"), "the size of its `a` is no number");
    }
}
