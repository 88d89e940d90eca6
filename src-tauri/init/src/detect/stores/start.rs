//! The ways to start a store on this computer: it listens already, the project's compose file has it, its program is
//! installed, a container engine runs it, or a note has the command that installs it.

use super::{Compose, Wanted, table::Server};
use crate::{
    detect::listing::{Host, System},
    draft::{
        CommandLine, DraftService, Image, Kind, LeftOut, Origin, Probe, Ready, Sourced, Stop, plain,
    },
};
use pilotlight::stack::PortConflict;

/// The folder of the data of stores, from the folder of the stack file.
const DATA: &str = ".data";

impl Wanted {
    /// Returns the service that starts it on this computer, or why nothing here can.
    pub(crate) fn start(
        &self,
        name: &str,
        stack: &str,
        host: &Host,
    ) -> Result<DraftService, LeftOut> {
        let (wanted, store) = (self, self.store);
        let mut service = DraftService::new(name, Kind::Store, wanted.because.clone());
        let port = wanted.port();
        let because = match wanted.address.port {
            Some(_) => wanted.address_because.clone(),
            None => Origin::known(format!("the usual port of {}", store.title)),
        };
        service.port = Some(because.says(port));
        let listener = host.listening.get(&port);
        if let Some(program) = listener
            && program.as_ref().is_none_or(|name| store.may_be(name))
        {
            let program = program.as_ref().map(|name| format!("`{name}`"));
            let program = program.as_deref().unwrap_or("a program");
            let text = format!("{program} listens on {port} already");
            service.external = Some(Origin::known(text));
            service.ready = by_protocol(wanted, wanted.user());
            return Ok(service);
        }
        // An image with extensions has more than the installed program.
        let is_plain = wanted
            .compose
            .as_ref()
            .is_none_or(|compose| compose.is_plain);
        let compose = wanted.compose.as_ref().filter(|it| it.publishes);
        match (host.engine(), compose) {
            (Some(_), Some(compose)) => by_compose(&mut service, wanted, compose),
            _ if is_plain && native(&mut service, wanted, host) => {}
            (Some(engine), None) if can_be_contained(wanted) => {
                container(&mut service, wanted, engine, &format!("{stack}-{name}"));
            }
            // The program without the extensions is better than none.
            _ if native(&mut service, wanted, host) => {}
            _ => return Err(not_startable(wanted, host)),
        }
        Ok(service)
    }
}

fn not_startable(wanted: &Wanted, host: &Host) -> LeftOut {
    let store = wanted.store;
    let how = match store.install(host.system) {
        _ if host.engine().is_some() => "its login is not known here: start it yourself".to_owned(),
        Some(command) => format!("not installed here: `{command}`, or start a container engine"),
        None => "not installed here, and no container engine runs".to_owned(),
    };
    let what = format!("{} on port {}", store.title, wanted.port());
    let why = format!("{how}; then run `pilotlight init --merge`");
    LeftOut::new(what, &wanted.because, why)
}

/// Returns the probe that speaks its protocol, if that needs no password.
fn by_protocol(wanted: &Wanted, user: Option<&str>) -> Option<Sourced<Ready>> {
    let Server {
        protocol,
        login,
        user: only,
    } = wanted.store.server.as_ref()?;
    // Redis refuses PING without its password; RabbitMQ logs each login that fails.
    let is_refused = match only {
        Some(only) => user.is_some_and(|user| user != only),
        None => login.is_none() && protocol == "redis" && wanted.address.has_password,
    };
    let address = match (login, user, protocol.as_str()) {
        (Some(login), Some(user), _) => login.replace("<user>", user),
        (_, _, "rabbitmq") => "amqp://localhost:{port}".to_owned(),
        (_, _, scheme) => format!("{scheme}://localhost:{{port}}"),
    };
    (!is_refused).then(|| says(Probe::Server(protocol.clone(), address)))
}

fn says(probe: Probe) -> Sourced<Ready> {
    Origin::default().says(probe.into())
}

/// Returns the probe in a container.
fn ready(wanted: &Wanted) -> Option<Sourced<Ready>> {
    let own = || Some(says(wanted.store.container.ready.as_ref()?.probe()));
    by_protocol(wanted, wanted.user()).or_else(own)
}

/// Runs its own program, if it is installed.
fn native(service: &mut DraftService, wanted: &Wanted, host: &Host) -> bool {
    let Some(native) = &wanted.store.native else {
        return false;
    };
    let is_installed = native.programs.iter().all(|program| host.has(program));
    if !is_installed || (native.unix && host.system == System::Windows) {
        return false;
    }
    let because = Origin::known(format!("`{}` is installed", native.programs[0]));
    if let Some(shell) = &native.shell {
        let data = format!("{DATA}/{}", service.name);
        // Without a user, clients take the one of the system, as initdb does.
        let user = wanted
            .user()
            .map_or_else(String::new, |user| format!(" -U {user}"));
        // Made by itself: a database of the user's name is none.
        let database = wanted.database().filter(|name| *name != "postgres");
        let create = database.map_or("", |_| native.create.as_str());
        let line = shell
            .replace("<create>", create)
            .replace("<data>", &data)
            .replace("<as>", &user)
            .replace("<database>", database.unwrap_or_default());
        let text = format!("{}; its data is kept in {data}", because.text);
        service.command = Some(Origin::known(text).says(CommandLine::Shell(line)));
    } else {
        let words = CommandLine::Words(native.command.clone());
        service.command = Some(because.says(words));
    }
    for (name, value) in &native.env {
        service
            .env
            .push((name.clone(), because.says(value.clone())));
    }
    if let Some(signal) = native.stop {
        let stop = Stop {
            signal: Some(signal),
            ..Stop::default()
        };
        service.stop = Some(Origin::known("ends its connections first").says(stop));
    }
    // The user that initdb makes.
    let user = native.shell.as_ref().map(|_| "${USER:-postgres}");
    let own = || Some(says(native.ready.as_ref()?.probe()));
    service.ready = by_protocol(wanted, wanted.user().or(user)).or_else(own);
    holds_data(service, wanted);
    true
}

/// Runs it by the project's compose file.
fn by_compose(service: &mut DraftService, wanted: &Wanted, compose: &Compose) {
    let contained = CommandLine::Compose {
        file: compose.file.clone(),
        service: compose.service.clone(),
    };
    service.command = Some(wanted.because.says(contained));
    in_container(service, wanted);
}

fn container(service: &mut DraftService, wanted: &Wanted, engine: &str, name: &str) {
    let container = &wanted.store.container;
    let mut image = Image {
        image: container.image.clone(),
        port: wanted.store.port,
        args: container.arguments.clone(),
        ..Image::default()
    };
    for option in &container.env {
        let option = option.replace("<user>", wanted.user().unwrap_or("postgres"));
        let option = match wanted.database() {
            Some(database) => option.replace("<database>", database),
            None => option,
        };
        if let Some((name, value)) = option.split_once('=')
            && !option.contains('<')
        {
            image.env.push((name.to_owned(), value.to_owned()));
        }
    }
    let data = container.data.iter();
    image.volumes = data.map(|data| format!("{name}:{data}")).collect();
    let because = Origin::known(format!("in a container of {engine}"));
    service.command = Some(because.says(CommandLine::Container(image)));
    in_container(service, wanted);
    holds_data(service, wanted);
}

/// Sets what every container needs.
fn in_container(service: &mut DraftService, wanted: &Wanted) {
    service.ready = ready(wanted);
    let because = Origin::known("its data is to be written");
    let stop = Stop {
        timeout: Some("20s".to_owned()),
        ..Stop::default()
    };
    service.stop = Some(because.says(stop));
}

/// Never stops another program for its port, since that may hold data, and passes the login on.
fn holds_data(service: &mut DraftService, wanted: &Wanted) {
    let because = Origin::known("another store on this port may hold data");
    service.port_conflict = Some(because.says(PortConflict::Fail));
    for file in &wanted.env_files {
        let login = Origin::file(file, "its login").says(plain(file));
        service.env_file.push(login);
    }
}

/// Whether a container can have the login that the project uses. Some accept every password; others need it, and a stack
/// file has no passwords.
fn can_be_contained(wanted: &Wanted) -> bool {
    match wanted.store.name.as_str() {
        "postgres" | "minio" | "ollama" | "nats" => true,
        // Its clients connect to the port that it announces.
        "kafka" => wanted.port() == wanted.store.port,
        "mysql" => !wanted.address.has_password && wanted.user().is_none_or(|user| user == "root"),
        // The login that the image has by itself.
        "rabbitmq" => !wanted.address.has_password || wanted.user() == Some("guest"),
        _ => !wanted.address.has_password,
    }
}
