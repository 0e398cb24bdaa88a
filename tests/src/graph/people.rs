//! People made up by a counter: always the same ones, with the names and numbers that directories really hold.
//!
//! Among 2,000 some share a full name, some names are longer than a phone name may be, and some carry accents. The
//! numbers are from the ranges that Ofcom, the NANPA and the Bundesnetzagentur set aside for fiction.

use serde_json::{Value, json};

use super::model::{Member, Object, Tenant};

const COUNTRIES: [(&str, &str, &str, &str); 3] = [
    ("GB", "United Kingdom", "London", "en-GB"),
    ("US", "United States", "Seattle", "en-US"),
    ("DE", "Germany", "Berlin", "de-DE"),
];

const DEPARTMENTS: [&str; 8] =
    ["Sales", "Marketing", "Engineering", "Support", "Finance", "Human Resources", "Operations", "Legal"];

const TITLES: [&str; 6] = ["Manager", "Assistant", "Specialist", "Analyst", "Director", "Consultant"];

const GIVEN: [[&str; 24]; 3] = [
    [
        "Oliver",
        "Amelia",
        "George",
        "Isla",
        "Harry",
        "Ava",
        "Noah",
        "Emily",
        "Jack",
        "Sophie",
        "Leo",
        "Grace",
        "Oscar",
        "Freya",
        "Charlie",
        "Poppy",
        "Henry",
        "Ella",
        "Archie",
        "Evie",
        "Alexandra",
        "Christopher",
        "Siobhán",
        "Niamh",
    ],
    [
        "James",
        "Mary",
        "Robert",
        "Patricia",
        "John",
        "Jennifer",
        "Michael",
        "Linda",
        "David",
        "Elizabeth",
        "William",
        "Barbara",
        "Richard",
        "Susan",
        "Joseph",
        "Jessica",
        "Thomas",
        "Sarah",
        "José",
        "Karen",
        "Christopher",
        "Lisa",
        "Daniel",
        "Nancy",
    ],
    [
        "Lukas",
        "Mia",
        "Jürgen",
        "Hannah",
        "Jörg",
        "Zoë",
        "Felix",
        "Lena",
        "Björn",
        "Anna",
        "Maximilian",
        "Katharina",
        "Paul",
        "Sabine",
        "Günther",
        "Ute",
        "Stefan",
        "Heike",
        "Andreas",
        "Birgit",
        "Wolfgang",
        "Renate",
        "Uwe",
        "Friederike",
    ],
];

const SURNAMES: [[&str; 40]; 3] = [
    [
        "Smith",
        "Jones",
        "Taylor",
        "Brown",
        "Williams",
        "Wilson",
        "Johnson",
        "Davies",
        "Patel",
        "Robinson",
        "Wright",
        "Thompson",
        "Evans",
        "Walker",
        "White",
        "O'Brien",
        "Montgomery",
        "Hughes",
        "Fletcher",
        "Khan",
        "Edwards",
        "Green",
        "Hall",
        "Wood",
        "Harris",
        "Clarke",
        "Jackson",
        "Lewis",
        "Turner",
        "Hill",
        "Cooper",
        "Ward",
        "Morris",
        "Moore",
        "Watson",
        "Baker",
        "Harrison",
        "Morgan",
        "Begum",
        "Allen",
    ],
    [
        "Miller",
        "Davis",
        "Garcia",
        "Rodriguez",
        "Martinez",
        "Hernández",
        "Lopez",
        "Gonzalez",
        "Anderson",
        "Thomas",
        "Moore",
        "Jackson",
        "Martin",
        "Lee",
        "Perez",
        "Harris",
        "Clark",
        "Lewis",
        "Washington",
        "Nguyen",
        "Young",
        "Walker",
        "Torres",
        "Scott",
        "Rivera",
        "Flores",
        "Nelson",
        "Carter",
        "Mitchell",
        "Roberts",
        "Campbell",
        "Phillips",
        "Parker",
        "Collins",
        "Stewart",
        "Sanchez",
        "Rogers",
        "Reed",
        "Murphy",
        "Kowalski",
    ],
    [
        "Müller",
        "Schmidt",
        "Schneider",
        "Fischer",
        "Weber",
        "Meyer",
        "Wagner",
        "Becker",
        "Schulz",
        "Hoffmann",
        "Schäfer",
        "Koch",
        "Bauer",
        "Richter",
        "Klein",
        "Wolf",
        "Schröder",
        "Neumann",
        "Großmann",
        "Leutheusser",
        "Zimmermann",
        "Braun",
        "Krüger",
        "Hartmann",
        "Lange",
        "Werner",
        "Krause",
        "Lehmann",
        "Köhler",
        "Maier",
        "Schulze",
        "Huber",
        "Fuchs",
        "Vogel",
        "Keller",
        "Weiß",
        "Jung",
        "Hahn",
        "Yıldız",
        "Berger",
    ],
];

/// Gives the id of the n-th object of a kind; it looks like a version 4 GUID.
pub fn guid(kind: u64, n: usize) -> String {
    let (high, low) = (mix(kind << 32 | n as u64), mix(!(kind << 32 | n as u64)));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// Spreads a counter over 64 bits (the finaliser of SplitMix64).
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// Makes a tenant of `count` enabled members, one group a department, and one group of all those groups.
///
/// The n-th person is the same however many are made.
pub fn people(count: usize) -> Tenant {
    let mut tenant = Tenant::default();
    let everybody = guid(3, 0);
    for n in 0..count {
        let user = person(n);
        let department = user["department"].as_str().unwrap_or_default().to_owned();
        let id = user["id"].as_str().unwrap_or_default().to_owned();
        let group = department_group(&department);
        tenant.join(&group, Member::User(id.clone()));
        tenant.users.insert(id, user);
    }
    for department in DEPARTMENTS {
        let group = department_group(department);
        department.clone_into(&mut tenant.groups.entry(group.clone()).or_default().display_name);
        tenant.join(&everybody, Member::Group(group));
    }
    "All staff".clone_into(&mut tenant.groups.entry(everybody).or_default().display_name);
    tenant
}

/// Gives the id of a department's group.
fn department_group(department: &str) -> String {
    guid(2, DEPARTMENTS.iter().position(|name| *name == department).unwrap_or(DEPARTMENTS.len()))
}

fn person(n: usize) -> Object {
    let dice = mix(n as u64) as usize;
    // The share of countries is 5 : 3 : 2.
    let at = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2][dice % 10];
    let (code, country, city, language) = COUNTRIES[at];
    let given = GIVEN[at][dice / 10 % GIVEN[at].len()];
    let surname = SURNAMES[at][dice / 1_000 % SURNAMES[at].len()];
    let department = DEPARTMENTS[dice / 100_000 % DEPARTMENTS.len()];
    let local = format!("{}.{}{n}", plain(given), plain(surname));
    let mail = format!("{local}@contoso.example");
    let user = json!({
        "id": guid(1, n),
        "businessPhones": business_phone(at, n),
        "displayName": format!("{given} {surname}"),
        "givenName": given,
        "jobTitle": format!("{department} {}", TITLES[dice / 10_000_000 % TITLES.len()]),
        "mail": mail,
        "mobilePhone": mobile_phone(at, n),
        "officeLocation": format!("{city} office"),
        "preferredLanguage": language,
        "surname": surname,
        "userPrincipalName": mail,
        "accountEnabled": true,
        "userType": "Member",
        "department": department,
        "city": city,
        "country": country,
        "usageLocation": code,
        "employeeId": format!("{}", 100_000 + n),
        "onPremisesExtensionAttributes": {"extensionAttribute1": null},
    });
    match user {
        Value::Object(user) => user,
        _ => Object::new(),
    }
}

/// Every third has none; the rest write it in the ways that people do.
fn business_phone(at: usize, n: usize) -> Value {
    let number = match at {
        0 => format!("+44 1632 960{:03}", n % 1000),
        1 => format!("+1 425-555-01{:02}", n % 100),
        _ => format!("+49 (30) 23125 {:03}", n % 1000),
    };
    if n % 3 == 2 { json!([]) } else { json!([number]) }
}

fn mobile_phone(at: usize, n: usize) -> Value {
    match (at, n % 4) {
        (_, 3) => Value::Null,
        (0, 0) => json!(format!("07700 900{:03}", n % 1000)),
        (0, _) => json!(format!("+44 7700 900{:03}", n % 1000)),
        (1, _) => json!(format!("+1 (206) 555-01{:02}", n % 100)),
        _ => json!(format!("+49 171 39200{:02}", n % 100)),
    }
}

/// Writes a name as a mailbox does.
fn plain(name: &str) -> String {
    let ascii = |letter: char| match letter {
        'ä' => "ae",
        'ö' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'é' | 'ë' => "e",
        'á' => "a",
        'ı' => "i",
        _ => "",
    };
    let mut out = String::new();
    for letter in name.to_lowercase().chars() {
        if letter.is_ascii_alphabetic() || letter == '-' {
            out.push(letter)
        } else {
            out.push_str(ascii(letter))
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn two_thousand_people_are_distinct_persons_with_shared_names() {
        let tenant = people(2000);
        assert_eq!(tenant.users.len(), 2000);
        let texts = |key: &str| -> BTreeSet<String> {
            tenant.users.values().filter_map(|user| user[key].as_str().map(str::to_owned)).collect()
        };
        assert_eq!(texts("mail").len(), 2000);
        let names = texts("displayName");
        assert!((500..1500).contains(&names.len()), "{} different names", names.len());
        assert!(names.iter().any(|name| name.len() > 15));
        assert_eq!(texts("department").len(), DEPARTMENTS.len());
        assert_eq!(tenant.groups.len(), DEPARTMENTS.len() + 1);
        assert_eq!(people(10).users, people(10).users);
    }
}
