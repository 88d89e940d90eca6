//! Read-only commands with which a user can verify evidence.

use std::{env::consts::OS, path::Path};

use crate::stack::ServiceName;

/// Returns the command that shows which process listens on a port.
pub(super) fn who_listens(port: u16) -> String {
    match OS {
        "macos" => format!("`lsof -nP -iTCP:{port} -sTCP:LISTEN`"),
        "windows" => format!("`Get-NetTCPConnection -State Listen -LocalPort {port}`"),
        _ => format!("`ss -ltnp 'sport = :{port}'`"),
    }
}

/// Returns the evidence that nothing listens on a port.
pub(super) fn unused(port: u16) -> String {
    format!("nothing listens on port {port}: {}", who_listens(port))
}

/// Returns the command that shows which ports the operating system reserves.
pub(super) fn kept_back() -> &'static str {
    match OS {
        "macos" => "`sysctl net.inet.ip.portrange`",
        "windows" => "`netsh interface ipv4 show excludedportrange tcp`",
        _ => "`sysctl net.ipv4.ip_unprivileged_port_start`",
    }
}

/// Returns the command that shows where a process listens.
pub(super) fn listens_on(pid: u32) -> String {
    match OS {
        "macos" => format!("`lsof -nP -a -p {pid} -iTCP -sTCP:LISTEN`"),
        "windows" => format!("`Get-NetTCPConnection -State Listen -OwningProcess {pid}`"),
        _ => format!("`ss -ltnp | grep pid={pid},`"),
    }
}

/// Returns the command that shows whether a file or folder exists.
pub(super) fn lists(path: &Path) -> String {
    match OS {
        "windows" => format!("`Get-Item \"{}\"`", path.display()),
        _ => format!("`ls -ld {}`", quoted(&path.display().to_string())),
    }
}

/// Returns the command that shows where a variable is set.
pub(super) fn finds(variable: &str, file: Option<&Path>) -> String {
    match (OS, file) {
        ("windows", Some(file)) => format!("`Select-String {variable} \"{}\"`", file.display()),
        ("windows", None) => format!("`$env:{variable}`"),
        (_, Some(file)) => {
            let file = file.display().to_string();
            format!("`grep -n {} {}`", quoted(variable), quoted(&file))
        }
        (_, None) => format!("`printenv {}`", quoted(variable)),
    }
}

/// Returns the command that shows whether a program is on PATH.
pub(super) fn which(program: &str) -> String {
    match OS {
        "windows" => format!("`where.exe {program}`"),
        _ => format!("`command -v {}`", quoted(program)),
    }
}

/// Returns the command that shows whether the kernel killed a process for memory.
pub(super) fn kernel_log() -> &'static str {
    match OS {
        "macos" => "`log show --last 10m --predicate 'eventMessage contains \"jetsam\"'`",
        "windows" => "the event log (Resource-Exhaustion-Detector)",
        _ => "`dmesg | grep -i 'out of memory'`",
    }
}

/// Returns the command that shows how many files a process can have open.
pub(super) fn limits(pid: Option<u32>) -> String {
    match (OS, pid) {
        ("linux", Some(pid)) => format!("`grep 'open files' /proc/{pid}/limits`"),
        _ => "`ulimit -n`".to_owned(),
    }
}

/// Returns the command that shows the log of a service.
pub(super) fn logs(service: &ServiceName) -> String {
    format!("`pilotlight logs {service}`")
}

/// Returns the command that sends the request of a probe, if `target` describes one: `GET http://…`,
/// `PING redis://…`, `connection to …`.
pub(super) fn ask(target: &str) -> Option<String> {
    let (verb, rest) = target.split_once(' ')?;
    if let Some(address) = target.strip_prefix("connection to ") {
        let (host, port) = address.rsplit_once(':')?;
        return Some(match OS {
            "windows" => format!("`Test-NetConnection {host} -Port {port}`"),
            _ => format!("`nc -vz {} {port}`", host.trim_matches(['[', ']'])),
        });
    }
    let upgrade = "-H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
                   -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='";
    Some(match verb {
        "PING" => format!("`redis-cli -u {} ping`", quoted(rest)),
        "PostgreSQL" => format!("`psql {} -c 'select 1'`", quoted(rest)),
        "MongoDB" => format!("`mongosh {} --eval 'db.hello()'`", quoted(rest)),
        "GET" => format!("`curl -i {}`", quoted(rest)),
        "WebSocket" => {
            // curl treats `ws:` as a different protocol.
            let address = rest.replacen("ws", "http", 1);
            format!("`curl -i --max-time 3 {upgrade} {}`", quoted(&address))
        }
        _ if rest.starts_with("http") && verb.chars().all(|letter| letter.is_ascii_uppercase()) => {
            format!("`curl -i -X {verb} {}`", quoted(rest))
        }
        _ => return None,
    })
}

/// Quotes a word for a shell, if necessary.
pub(super) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@%+=,\\".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_of_a_probe_becomes_a_command() {
        for (target, expected) in [
            (
                "GET http://localhost:8001/v1/health",
                "`curl -i http://localhost:8001/v1/health`",
            ),
            (
                "DELETE http://localhost:1/?a=b&c",
                "`curl -i -X DELETE 'http://localhost:1/?a=b&c'`",
            ),
            (
                "PING redis://127.0.0.1:6379/0",
                "`redis-cli -u redis://127.0.0.1:6379/0 ping`",
            ),
        ] {
            assert_eq!(ask(target).as_deref(), Some(expected));
        }
        assert!(ask("WebSocket ws://localhost:1/ws").is_some_and(|command| {
            command.contains(" http://localhost:1/ws") && command.contains("Upgrade: websocket")
        }));
        assert!(ask("connection to [::1]:80").is_some_and(|command| command.contains("::1")));
        assert_eq!(ask("`true`"), None);
        assert_eq!(ask(""), None);
    }

    #[test]
    fn a_word_is_quoted_if_a_shell_would_interpret_it() {
        assert_eq!(quoted("main.py"), "main.py");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
