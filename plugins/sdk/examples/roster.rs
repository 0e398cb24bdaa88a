//! Users of the roster application.
use rollcall_connector::{
    AttributeInfo, Cell, Connection, Connector, Coverage, Error, Kind, Listing, Page, Table, attribute, http,
    passed, register,
};
use serde::Deserialize;
use serde_json::Value;

/// The roster.
pub struct Roster;

#[derive(Deserialize)]
pub struct Settings {
    url: String,
}

#[derive(Deserialize)]
struct People {
    people: Vec<Value>,
    next: Option<u32>,
}

const COLUMNS: [&str; 4] = ["id", "name", "mail", "phones"];

fn page(settings: &Settings, number: u32) -> Result<People, Error> {
    let url = format!("{}/api/people", settings.url.trim_end_matches('/'));
    let request = http::get(url).query("page", &number.to_string());
    let mut response = request.login("roster").send()?;
    match response.status {
        200 => response.json(),
        401 => Err(Error::denied("the roster does not take the token")),
        403 => Err(Error::missing("the roster refuses to list", "people.read")),
        status => Err(Error::permanent(format!("the roster answered {status}"))),
    }
}

impl Connector for Roster {
    type Settings = Settings;
    type Listing = Walk;

    fn check(settings: &Settings) -> Result<Connection, Error> {
        page(settings, 1)?;
        let findings = vec![passed("people.read", "people can be listed")];
        Ok(Connection { users: None, findings })
    }

    fn attributes(_settings: &Settings) -> Result<Vec<AttributeInfo>, Error> {
        let mut all = COLUMNS.map(|name| attribute(name, Kind::Text, "As in the roster."));
        all[3].many = true;
        Ok(all.into())
    }

    fn open(settings: Settings, _since: Option<Vec<u8>>) -> Result<Walk, Error> {
        Ok(Walk { settings, number: 1 })
    }
}

/// One reading of it.
pub struct Walk {
    settings: Settings,
    number: u32,
}

impl Listing for Walk {
    fn next(&mut self, _max: u32) -> Result<Page, Error> {
        let People { people, next } = page(&self.settings, self.number)?;
        let mut table = Table::new(COLUMNS);
        for person in &people {
            let id = person["id"].as_str().unwrap_or_default();
            table.user(id, COLUMNS.map(|name| Cell::from_json(&person[name])).into())?;
        }
        Ok(match next {
            Some(number) => {
                self.number = number;
                table.page()
            }
            None => table.last(Coverage::Everything),
        })
    }
}

register!(Roster, manifest = "roster.toml");
