//! Packages that are damaged in ways that nothing but their digest tells: refused, or compiled, and never a panic.

use rollcall_connectors::Package;

use crate::bench::{guest, host, misbehaving};
use crate::trial::{alone, class};

/// Gives places and bits without chance, so that a failure comes back.
fn flips(length: usize) -> impl Iterator<Item = (usize, u8)> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (usize::try_from(state >> 8).unwrap() % length, 1 << (state & 7))
    })
}

#[test]
fn a_flipped_bit_is_another_package() {
    let whole = guest("rollcall-guest-hostile");
    let digest = *Package::read(whole.clone()).unwrap().digest();
    let mut read = 0;
    for (at, bit) in flips(whole.len()).take(2_000) {
        let mut bytes = whole.clone();
        bytes[at] ^= bit;
        if let Ok(package) = Package::read(bytes) {
            assert_ne!(*package.digest(), digest);
            read += 1;
        }
    }
    // Most bits are code, which is not looked at before it is compiled: only the digest tells.
    assert!(read > 1_000, "{read}");
}

#[tokio::test]
async fn a_flipped_bit_breaks_no_compiler() {
    let _alone = alone().await;
    let whole = guest("rollcall-guest-hostile");
    let host = host();
    let packages = flips(whole.len()).filter_map(|(at, bit)| {
        let mut bytes = whole.clone();
        bytes[at] ^= bit;
        Package::read(bytes).ok()
    });
    for package in packages.take(10) {
        match host.connect(&package, &misbehaving("well")).await {
            Ok(_) => {}
            Err(error) => assert!(["invalid", "permanent"].contains(&class(&error)), "{error:?}"),
        }
    }
}
