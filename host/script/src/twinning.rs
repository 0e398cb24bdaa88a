//! Where mobile twinning must not point: it makes the phone system pay for a call at every ring.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberType, Region};
use rollcall_core::{Text, constraint};

use crate::library::numbers;

/// Tells why a number must not be twinned; `None`: it may.
///
/// A number without `+` or `00` is read as one of the listed countries. With a list, what cannot be placed in one of
/// them is refused; without one, only premium rate and emergency numbers are.
pub(crate) fn refusal(number: &str, countries: &[(Text, Region)]) -> Option<String> {
    let shown = number.escape_debug();
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    if constraint::emergency_number(&digits) {
        return Some(format!("`{shown}` is an emergency number"));
    }
    let readings = readings(number, countries);
    if readings.iter().any(premium) {
        return Some(format!("`{shown}` is a premium rate number"));
    }
    if countries.is_empty() {
        return None;
    }
    let home = |number: &PhoneNumber| {
        // A number of an unknown block still has its calling code, which names the block's main country.
        PHONE_NUMBER_UTIL
            .get_region_for_number(number)
            .or_else(|| PHONE_NUMBER_UTIL.get_region_for_country_code(number.country_code))
            .is_some_and(|region| countries.iter().any(|(_, listed)| *listed == region))
    };
    if readings.iter().any(home) {
        return None;
    }
    let list: Vec<&str> = countries.iter().map(|(code, _)| &**code).collect();
    Some(format!("`{shown}` is not in {}", list.join(", ")))
}

fn premium(number: &PhoneNumber) -> bool {
    PHONE_NUMBER_UTIL.get_number_type(number) == PhoneNumberType::PremiumRate
}

fn readings(number: &str, countries: &[(Text, Region)]) -> Vec<PhoneNumber> {
    let number = number.trim();
    if number.starts_with('+') {
        return numbers::parse(number, None).into_iter().collect();
    }
    if let Some(rest) = number.strip_prefix("00")
        && let Some(read) = numbers::parse(&format!("+{rest}"), None)
    {
        return vec![read];
    }
    countries.iter().filter_map(|(_, region)| numbers::parse(number, Some(*region))).collect()
}
