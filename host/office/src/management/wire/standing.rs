//! Systems, extension records and licences in the words of core. Users are made by `crate::model`.

use rollcall_core::Text;
use rollcall_core::phone::{Extension, Licence, System};
use serde_json::Value;

use super::xml::below;
use super::{Item, plain};
use crate::profile;

/// Reads a system. Its name has been seen under three names; FQDN under none, so that likely ones are tried (UNPROVEN).
pub(crate) fn system_of(item: &Item) -> Option<System> {
    let first = |names: &[&str]| names.iter().find_map(|name| item.text(name)).map(Text::from);
    let lan = |wanted: &str| lan_address(item, wanted).map(Text::from);
    let (lan1, lan2) = (lan("LAN1"), lan("LAN2"));
    Some(System {
        name: first(&["Name", "DisplayName", "SystemName"]).or_else(|| lan1.clone())?,
        primary: false,
        fqdn: first(&["FQDN", "HostName", "DNSName"]),
        lan1,
        lan2,
        max_users: None,
    })
}

fn lan_address(item: &Item, wanted: &str) -> Option<String> {
    let lans = item.0.get("LANS").or_else(|| item.0.get("Lans"))?;
    let named = below(lans, &["LAN"]).into_iter().find(|lan| {
        ["@id", "id", "@Id"]
            .iter()
            .filter_map(|key| lan.get(*key))
            .any(|id| plain(id).eq_ignore_ascii_case(wanted))
    })?;
    let address = plain(named.get("IPAddress").unwrap_or(&Value::Null));
    // A port that is not used shows this address.
    (!address.is_empty() && address != "0.0.0.0").then_some(address)
}

/// Reads an extension record of a system; `None` where it has no number or no immutable name, as a port of the
/// hardware without a number has.
pub(crate) fn extension_of(item: &Item, system: &Text) -> Option<Extension> {
    let module = item.text("Module").unwrap_or_default();
    Some(Extension {
        guid: item.guid()?,
        number: item.text("Extension")?.into(),
        system: system.clone(),
        kind: item.text("TypeInfo").map(Text::from),
        template: None,
        // UNPROVEN: that IP telephones show no module or module 0.
        hardware: !matches!(module.as_str(), "" | "0"),
    })
}

/// Reads a licence that gives a profile; `None` for all others, so that nothing is limited by a guess.
pub(crate) fn licence_of(item: &Item) -> Option<Licence> {
    let named = ["DisplayName", "Type", "LicenseType"].into_iter().filter_map(|name| item.text(name));
    let profile = named.into_iter().find_map(|name| {
        profile::printed(&name)
            .or_else(|| profile::names().find(|known| name.starts_with(known)).map(Text::from))
    })?;
    let number = |name: &str| item.text(name)?.parse::<u32>().ok();
    let quantity = number("Quantity")?;
    Some(Licence { profile, quantity, used: quantity.saturating_sub(number("FreeInstances")?) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(value: Value) -> Item {
        Item(value.as_object().unwrap().clone())
    }

    #[test]
    fn systems_are_read_with_their_addresses() {
        let one =
            json!({"DisplayName": "London", "LANS": {"LAN": {"@id": "LAN1", "IPAddress": "192.0.2.1"}}});
        let two = json!({"Name": "Leeds", "FQDN": "leeds.example", "LANS": {"LAN": [
            {"@id": "LAN1", "IPAddress": "192.0.2.2"}, {"@id": "LAN2", "IPAddress": "0.0.0.0"}]}});
        let one = system_of(&item(one)).unwrap();
        assert_eq!((&*one.name, one.lan1.as_deref()), ("London", Some("192.0.2.1")));
        let two = system_of(&item(two)).unwrap();
        assert_eq!((two.lan1.as_deref(), two.lan2.as_deref()), (Some("192.0.2.2"), None));
        assert_eq!(two.fqdn.as_deref(), Some("leeds.example"));
        assert_eq!(system_of(&item(json!({"MajorVersion": "11"}))), None);
    }

    #[test]
    fn licences_of_profiles_are_counted_and_others_left_out() {
        for (value, expect) in [
            (
                json!({"DisplayName": "Power User", "Quantity": "10", "FreeInstances": 4}),
                Some(("Power User", 10, 6)),
            ),
            (
                json!({"Type": "Power User (PLDS)", "Quantity": 5, "FreeInstances": "5"}),
                Some(("Power User", 5, 0)),
            ),
            (json!({"DisplayName": "SIP Trunk Channels", "Quantity": "8", "FreeInstances": "8"}), None),
            (json!({"DisplayName": "Power User", "Quantity": "Unlimited"}), None),
        ] {
            let read = licence_of(&item(value.clone()));
            let read = read.as_ref().map(|licence| (&*licence.profile, licence.quantity, licence.used));
            assert_eq!(read, expect, "{value}");
        }
    }

    #[test]
    fn ports_of_the_hardware_are_told_from_ip_telephones() {
        let of =
            |module: &str| json!({"@GUID": "e", "Extension": "201", "TypeInfo": "SIP", "Module": module});
        for (module, hardware) in [("", false), ("0", false), ("1", true)] {
            assert_eq!(extension_of(&item(of(module)), &"P".into()).unwrap().hardware, hardware, "{module}");
        }
        assert_eq!(extension_of(&item(json!({"@GUID": "e"})), &"P".into()), None);
    }
}
