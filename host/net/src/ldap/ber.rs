//! The part of BER that LDAP uses (RFC 4511, 5.1): tags of one byte, lengths that are told.

/// `BOOLEAN`.
pub(crate) const BOOLEAN: u8 = 0x01;
/// `INTEGER`.
pub(crate) const INTEGER: u8 = 0x02;
/// `OCTET STRING`.
pub(crate) const OCTETS: u8 = 0x04;
/// `ENUMERATED`.
pub(crate) const ENUMERATED: u8 = 0x0a;
/// `SEQUENCE`.
pub(crate) const SEQUENCE: u8 = 0x30;
/// `SET`.
pub(crate) const SET: u8 = 0x31;

/// What was received is no BER of this shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Writes an element.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let digits = &length[length.iter().take_while(|byte| **byte == 0).count()..];
            // A length has eight bytes at most.
            out.push(0x80 | digits.len() as u8);
            out.extend_from_slice(digits);
        }
    }
    out.extend_from_slice(content);
    out
}

/// Writes an element of elements.
pub(crate) fn constructed(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    element(tag, &parts.concat())
}

/// Writes a number that is not negative.
pub(crate) fn number(tag: u8, value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let skipped = bytes.iter().take_while(|byte| **byte == 0).count().min(3);
    let digits = &bytes[skipped..];
    // A first bit that is set would make it negative.
    if digits[0] & 0x80 == 0 { element(tag, digits) } else { element(tag, &[&[0], digits].concat()) }
}

/// Writes a truth value; true is 0xff in LDAP (RFC 4511, 5.1).
pub(crate) fn boolean(tag: u8, yes: bool) -> Vec<u8> {
    element(tag, &[if yes { 0xff } else { 0 }])
}

/// Gives how long the first element in a buffer is, head included; none while its head is not whole.
pub(crate) fn frame(buffer: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some(first) = buffer.get(1) else { return Ok(None) };
    if *first < 0x80 {
        return Ok(Some(2 + usize::from(*first)));
    }
    let digits = usize::from(*first & 0x7f);
    // A length that is not told (0x80), or one that no message has.
    if digits == 0 || digits > 8 {
        return Err(Malformed);
    }
    let Some(bytes) = buffer.get(2..2 + digits) else { return Ok(None) };
    let length = bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    length.checked_add(2 + digits).map(Some).ok_or(Malformed)
}

/// Reads elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    /// Gives the next element's tag and content.
    pub(crate) fn element(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let whole = frame(self.0)?.ok_or(Malformed)?;
        if whole > self.0.len() {
            return Err(Malformed);
        }
        let (element, rest) = self.0.split_at(whole);
        self.0 = rest;
        let head = if element[1] < 0x80 { 2 } else { 2 + usize::from(element[1] & 0x7f) };
        Ok((element[0], &element[head..]))
    }

    /// Gives the content of the next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.element()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(Malformed),
        }
    }

    /// Gives a reader of what is in the next element, which must have this tag.
    pub(crate) fn inner(&mut self, tag: u8) -> Result<Self, Malformed> {
        self.expect(tag).map(Reader)
    }

    /// Gives a number; the protocol has none below 0 in what is read here.
    pub(crate) fn number(&mut self, tag: u8) -> Result<u32, Malformed> {
        let content = self.expect(tag)?;
        if content.is_empty() || content.len() > 5 || content[0] & 0x80 != 0 {
            return Err(Malformed);
        }
        let value = content.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        u32::try_from(value).map_err(|_| Malformed)
    }

    /// Gives a text.
    pub(crate) fn text(&mut self, tag: u8) -> Result<String, Malformed> {
        self.expect(tag).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Tells whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the next element's tag, if there is one.
    pub(crate) fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        let check = |value: u32, expect: &[u8]| {
            let written = number(INTEGER, value);
            assert_eq!(written[2..], *expect, "{value}");
            assert_eq!(Reader(&written).number(INTEGER), Ok(value));
        };
        check(0, &[0]);
        check(127, &[127]);
        check(128, &[0, 128]);
        check(256, &[1, 0]);
        check(u32::MAX, &[0, 255, 255, 255, 255]);
    }

    #[test]
    fn what_is_no_element_is_refused() {
        for bad in [&[0x30, 0x80][..], &[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1], &[0x30, 5, 1], &[0x30]] {
            assert!(Reader(bad).element().is_err(), "{bad:?}");
        }
        assert_eq!(frame(&[0x30, 0x82, 1]), Ok(None));
        assert_eq!(frame(&[0x30, 0x88, 255, 255, 255, 255, 255, 255, 255, 255]), Err(Malformed));
    }

    proptest! {
        #[test]
        fn an_element_comes_back(tag: u8, content in prop::collection::vec(any::<u8>(), 0..70_000)) {
            let written = element(tag, &content);
            prop_assert_eq!(frame(&written), Ok(Some(written.len())));
            prop_assert_eq!(Reader(&written).element(), Ok((tag, &content[..])));
        }

        #[test]
        fn nothing_foreign_breaks_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader(&bytes);
            while reader.element().is_ok() {}
        }
    }
}
