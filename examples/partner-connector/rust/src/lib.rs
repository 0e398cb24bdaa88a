//! Employees of Bellbird, a made-up HR system.
use rollcall_connector::walk::{Found, Step, Steps, Walk};
use rollcall_connector::{
    AttributeInfo, Cell, Connection, Connector, Coverage, Error, Kind, attribute, http, passed, register,
};
use serde::Deserialize;
use serde_json::Value;

/// The HR system.
pub struct Hr;

#[derive(Deserialize)]
pub struct Settings {
    url: String,
    department: Option<String>,
}

/// One answer. What lacks any of these is no page of Bellbird, and must never pass for an empty one.
#[derive(Deserialize)]
struct People {
    employees: Vec<Value>,
    page: u32,
    pages: u32,
    total: u32,
}

const COLUMNS: [&str; 7] = ["id", "given_name", "family_name", "email", "department", "phones", "manager"];

fn people(settings: &Settings, page: u32) -> Result<People, Error> {
    let url = format!("{}/v1/employees", settings.url.trim_end_matches('/'));
    let mut request = http::get(url).query("page", &page.to_string());
    if let Some(department) = &settings.department {
        request = request.query("department", department);
    }
    let mut response = request.login("hr").send()?;
    match response.status {
        200 => {}
        401 => return Err(Error::denied("Bellbird refuses the sign-in")),
        403 => return Err(Error::missing("Bellbird refuses to list employees", "employees.read")),
        status => {
            return Err(Error::permanent(format!("Bellbird answered {status}: {}", response.excerpt())));
        }
    }
    let people: People = response.json()?;
    if people.page == page { Ok(people) } else { Err(Error::permanent("Bellbird gave another page")) }
}

impl Connector for Hr {
    type Settings = Settings;
    type Listing = Walk<Pages>;

    fn check(settings: &Settings) -> Result<Connection, Error> {
        let total = people(settings, 1)?.total;
        let findings = vec![passed("employees.read", "employees can be listed")];
        Ok(Connection { users: Some(total), findings })
    }

    fn attributes(_settings: &Settings) -> Result<Vec<AttributeInfo>, Error> {
        let of =
            |name| AttributeInfo { many: name == "phones", ..attribute(name, Kind::Text, "As in Bellbird.") };
        Ok(COLUMNS.map(of).into())
    }

    fn open(settings: Settings, since: Option<Vec<u8>>) -> Result<Walk<Pages>, Error> {
        if since.is_some() { Err(Error::TokenExpired) } else { Ok(Walk::new(Pages { settings, page: 1 })) }
    }
}

/// One reading of it.
pub struct Pages {
    settings: Settings,
    page: u32,
}

impl Steps for Pages {
    fn columns(&self) -> Vec<String> {
        COLUMNS.map(str::to_owned).into()
    }

    fn step(&mut self, found: &mut Found) -> Result<Step, Error> {
        let people = people(&self.settings, self.page)?;
        found.total(Some(people.total));
        for one in &people.employees {
            let id = one["id"].as_str().ok_or_else(|| Error::permanent("an employee has no id"))?;
            found.user(id, COLUMNS.map(|name| Cell::from_json(&one[name])).into());
        }
        self.page += 1;
        let end = Step::End { coverage: Coverage::Everything, token: None };
        Ok(if self.page > people.pages { end } else { Step::More })
    }
}

register!(Hr, manifest = "../connector.toml");
