//! Which addresses may be connected to.
//!
//! A name that a connector may reach can be made to resolve to anything: to this machine, to the office's printers,
//! to the cloud's metadata service that hands out credentials. So the **address** decides, after resolving and before
//! connecting: public ones pass, others only where the job grants their network, where the job names the address
//! itself, or where the name is `localhost`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rollcall_core::{Diagnostic, codes};

use crate::origin::pasted;

/// A network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `10.1.0.0/16`, `fd00::/8`, or a single address.
    ///
    /// # Errors
    ///
    /// Gives what is wrong with it as one clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| format!("`{text}` is no network"))?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => match bits.parse::<u8>() {
                Ok(bits)
                    if bits <= most
                        && bits.to_string().len() == text.len() - text.rfind('/').unwrap_or(0) - 1 =>
                {
                    bits
                }
                _ => return Err(format!("`{text}` must end in a number of bits up to {most}")),
            },
        };
        let network = Self { base: masked(base, bits), bits };
        if network.base != base {
            return Err(format!("`{text}` has bits behind the network; write `{}/{bits}`", network.base));
        }
        Ok(network)
    }

    /// Says whether an address lies in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.base.is_ipv4() == address.is_ipv4() && masked(address, self.bits) == self.base
    }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

/// What a job grants of addresses.
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy {
    networks: Vec<Network>,
    /// `[directory.grants] addresses`, as written.
    lines: Vec<String>,
    names: Vec<String>,
}

impl AddressPolicy {
    /// Grants public addresses only.
    pub fn public() -> Self {
        Self::default()
    }

    /// Reads `[directory.grants] addresses`.
    ///
    /// # Errors
    ///
    /// Gives one diagnostic for each entry that is no network.
    pub fn granting<S: AsRef<str>>(addresses: &[S]) -> Result<Self, Vec<Diagnostic>> {
        let mut policy = Self::default();
        let mut wrong = Vec::new();
        for text in addresses {
            policy.lines.push(text.as_ref().to_owned());
            match Network::parse(text.as_ref()) {
                Ok(network) => policy.networks.push(network),
                Err(message) => wrong.push(
                    Diagnostic::error(codes::JOB_BAD_VALUE, message)
                        .path(&["directory", "grants", "addresses"])
                        .hint("write a network as in `10.1.0.0/16`, or an address as in `10.0.0.5`"),
                ),
            }
        }
        if wrong.is_empty() { Ok(policy) } else { Err(wrong) }
    }

    /// Lets a name that the administrator wrote down (the phone system, the proxy) resolve to any address but a
    /// metadata service's.
    #[must_use]
    pub fn trusting(mut self, host: &str) -> Self {
        self.names.push(plain(host));
        self
    }

    /// Decides on an address of a host. `host` is the name, or the address itself where the URL holds a literal one:
    /// such a URL can only have been granted by naming the address.
    ///
    /// # Errors
    ///
    /// Gives the refusal with the line to add.
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), Diagnostic> {
        let real = unwrapped(address);
        if is_metadata(real) || is_metadata(address) {
            let message = format!("`{host}` leads to the metadata service `{real}`, which is never reached");
            return Err(Diagnostic::error(codes::CONNECTOR_REFUSED, message));
        }
        let host = plain(host);
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|named| named == address);
        // `localhost` means this machine and nothing else, whatever the resolver says.
        let granted = if host == "localhost" {
            real.is_loopback()
        } else {
            literal
                || is_global(real)
                || self.names.contains(&host)
                || self.networks.iter().any(|network| network.contains(real) || network.contains(address))
        };
        if granted {
            return Ok(());
        }
        let message = format!("`{host}` leads to `{address}`, which is no public address");
        let line = pasted("addresses", &self.lines, [real.to_string()]);
        Err(Diagnostic::error(codes::CONNECTOR_REFUSED, message)
            .path(&["directory", "grants", "addresses"])
            .hint(format!("if that is right, write {line} under `[directory.grants]`")))
    }
}

/// Gives a host name as it is compared: lower case, without a trailing dot.
pub(crate) fn plain(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Takes an IPv4 address out of the IPv6 forms that lead to it: mapped, compatible, NAT64 and 6to4.
pub(crate) fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let words = v6.segments();
    let tail = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match words {
        [0, 0, 0, 0, 0, 0xffff, high, low] => tail(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => tail(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => tail(high, low),
        [0x2002, high, low, ..] => tail(high, low),
        _ => address,
    }
}

/// Says whether an address belongs to a cloud's metadata or host service: AWS, Google and Azure share the first,
/// then AWS over IPv6, Oracle, Azure's host agent, Alibaba.
fn is_metadata(address: IpAddr) -> bool {
    const V4: [[u8; 4]; 4] =
        [[169, 254, 169, 254], [192, 0, 0, 192], [168, 63, 129, 16], [100, 100, 100, 200]];
    match address {
        IpAddr::V4(v4) => V4.contains(&v4.octets()),
        IpAddr::V6(v6) => v6.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254],
    }
}

/// Says whether an address is one of the public Internet, by the special-purpose registries of IANA.
fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !matches!(
                (a, b, c),
                (0 | 10 | 127, ..)
                    | (100, 64..=127, _)
                    | (169, 254, _)
                    | (172, 16..=31, _)
                    | (192, 0, 0 | 2)
                    | (192, 88, 99)
                    | (192, 168, _)
                    | (198, 18..=19, _)
                    | (198, 51, 100)
                    | (203, 0, 113)
                    | (224..=255, ..)
            )
        }
        IpAddr::V6(v6) => {
            let words = v6.segments();
            // Only 2000::/3 is given out at all.
            (0x2000..=0x3fff).contains(&words[0])
                && !(words[0] == 0x2001 && words[1] < 0x0200)
                && !(words[0] == 0x2001 && words[1] == 0x0db8)
                && !(words[0] == 0x3fff && words[1] < 0x1000)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, address: &str, granted: &[&str], expect: bool) {
        let policy = AddressPolicy::granting(granted).unwrap().trusting("pbx.corp.example");
        let got = policy.check(host, address.parse().unwrap());
        assert_eq!(got.is_ok(), expect, "{host} -> {address} with {granted:?}: {got:?}");
    }

    #[test]
    fn only_public_addresses_pass_by_themselves() {
        for public in
            ["8.8.8.8", "20.190.128.1", "2603:1030:20e:3::23c", "100.63.0.1", "172.32.0.1", "2002:808:808::"]
        {
            check("graph.microsoft.com", public, &[], true);
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
            "64:ff9b:1::1",
        ] {
            check("graph.microsoft.com", private, &[], false);
        }
    }

    #[test]
    fn a_granted_network_passes() {
        check("dc1.corp.example", "10.1.2.3", &["10.1.0.0/16"], true);
        check("dc1.corp.example", "10.2.2.3", &["10.1.0.0/16"], false);
        check("dc1.corp.example", "10.1.2.3", &["10.1.2.3"], true);
        check("dc1.corp.example", "10.1.2.4", &["10.1.2.3"], false);
        check("dc1.corp.example", "fd12::1", &["fd12::1"], true);
        check("dc1.corp.example", "::ffff:10.1.2.3", &["10.1.0.0/16"], true);
        check("dc1.corp.example", "fd12::1", &["10.1.0.0/16", "fd12::/16"], true);
        check("dc1.corp.example", "fd13::1", &["fd12::/16"], false);
        check("dc1.corp.example", "10.1.2.3", &["0.0.0.0/0"], true);
        check("pbx.corp.example", "10.1.2.3", &[], true);
        check("PBX.corp.example.", "10.1.2.3", &[], true);
        check("pbx2.corp.example", "10.1.2.3", &[], false);
    }

    #[test]
    fn a_literal_address_and_localhost_grant_themselves() {
        check("127.0.0.1", "127.0.0.1", &[], true);
        check("[::1]", "::1", &[], true);
        check("10.0.0.7", "10.0.0.7", &[], true);
        check("localhost", "127.0.0.1", &[], true);
        check("LOCALHOST.", "::1", &[], true);
        check("localhost", "10.0.0.7", &["10.0.0.0/8"], false);
        check("localhost", "8.8.8.8", &[], false);
        check("localhost.evil.example", "127.0.0.1", &[], false);
    }

    #[test]
    fn a_refusal_has_the_key_to_write() {
        let policy = AddressPolicy::granting(&["10.2.0.0/16"]).unwrap();
        let said = policy.check("dc1.corp.example", "10.1.2.3".parse().unwrap()).unwrap_err();
        let line = "`addresses = [\"10.2.0.0/16\", \"10.1.2.3\"]`";
        assert_eq!(said.hint, Some(format!("if that is right, write {line} under `[directory.grants]`")));
    }

    #[test]
    fn metadata_is_never_reached() {
        for metadata in [
            "169.254.169.254",
            "192.0.0.192",
            "168.63.129.16",
            "100.100.100.200",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::",
        ] {
            check("x.example", metadata, &["0.0.0.0/0", "::/0"], false);
            check(metadata, metadata, &[], false);
            check("pbx.corp.example", metadata, &[], false);
        }
    }

    #[test]
    fn a_network_that_is_none_is_named() {
        for (text, expect) in [
            ("10.1.0.0/16", Ok(())),
            ("10.1.2.3", Ok(())),
            ("::/0", Ok(())),
            ("10.1.0.0/33", Err("`10.1.0.0/33` must end in a number of bits up to 32")),
            ("10.1.0.0/+8", Err("`10.1.0.0/+8` must end in a number of bits up to 32")),
            ("10.1.2.3/16", Err("`10.1.2.3/16` has bits behind the network; write `10.1.0.0/16`")),
            ("corp.example", Err("`corp.example` is no network")),
            ("10.1/16", Err("`10.1/16` is no network")),
        ] {
            assert_eq!(
                Network::parse(text).map(|_| ()).map_err(|said| said.clone()),
                expect.map_err(str::to_owned)
            );
        }
    }
}
