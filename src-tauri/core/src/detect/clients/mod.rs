//! The stores that a project has a client library for, by what it declares: `redis` in a
//! `pyproject.toml`, `github.com/jackc/pgx` in a `go.mod`. Only what is declared directly counts: what
//! a lock file has besides is somebody else's choice, and often never used.

mod manifests;
mod tables;

use super::{Listing, join, python};
use crate::draft::{Because, Unsaid};

/// A store, as its stack file would name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Client {
    Redis,
    Postgres,
    Mysql,
    Mongodb,
    Rabbitmq,
    Kafka,
    Nats,
    Elasticsearch,
    Minio,
    Ollama,
}

/// A client library that a project declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Demand {
    pub(super) store: Client,
    pub(super) because: Because,
}

/// The stores that the project in this folder has clients for, each once: Python, Rust, Go, Java,
/// Kotlin, .NET, Ruby, PHP and Elixir. What cannot be read is said in `unsaid`.
pub(super) fn demands(listing: &Listing, root: &str, unsaid: &mut Vec<Unsaid>) -> Vec<Demand> {
    let mut demands = Vec::new();
    let mut add = |store: Client, library: &str, file: &str, line: Option<usize>| {
        if !demands.iter().any(|demand: &Demand| demand.store == store) {
            demands.push(Demand {
                store,
                because: Because::line(file, line, format!("`{library}` is a client for it")),
            });
        }
    };
    for (package, (file, line)) in python::packages(listing, root, unsaid) {
        if let Some(store) = tables::python(&package) {
            add(store, &package, &file, line);
        }
    }
    for manifest in manifests::ALL {
        for path in (manifest.paths)(listing, root) {
            let Some(text) = listing.text(&path) else { continue };
            for (library, line) in (manifest.libraries)(text) {
                if let Some(store) = (manifest.store)(&library) {
                    add(store, &library, &path, Some(line));
                }
            }
        }
    }
    demands.sort_by_key(|demand| demand.store);
    demands
}

/// A file of this name in the folder.
fn named(listing: &Listing, root: &str, name: &str) -> Vec<String> {
    let path = join(root, name);
    if listing.has(&path) { vec![path] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Host;

    fn stores(file: &str, text: &str) -> Vec<(Client, Option<usize>)> {
        let mut listing = Listing::new("shop", Host::default());
        listing.add(file, Some(text));
        let mut unsaid = Vec::new();
        let demands = demands(&listing, "", &mut unsaid);
        demands.iter().map(|demand| (demand.store, demand.because.line)).collect()
    }

    #[test]
    fn each_kind_of_manifest_names_its_clients() {
        for (file, text, expected) in [
            ("requirements.txt", "fastapi\ncelery[redis]\nasyncpg\n", vec![(Client::Redis, 2), (Client::Postgres, 3)]),
            ("Cargo.toml", "[dependencies]\nredis = \"1\"\nsqlx = { version = \"0.8\", features = [\"postgres\"] }\n", vec![(Client::Redis, 2), (Client::Postgres, 3)]),
            ("go.mod", "module x\nrequire (\n\tgithub.com/jackc/pgx/v5 v5.0.0\n\tgithub.com/redis/go-redis/v9 v9 // indirect\n)\n", vec![(Client::Postgres, 3)]),
            ("pom.xml", "<dependencies>\n<dependency><groupId>com.mysql</groupId>\n<artifactId>mysql-connector-j</artifactId></dependency>\n<!-- <artifactId>postgresql</artifactId> -->\n", vec![(Client::Mysql, 3)]),
            ("build.gradle.kts", "dependencies {\n  runtimeOnly(\"org.postgresql:postgresql\")\n  // implementation(\"redis.clients:jedis:5\")\n  implementation(\"org.springframework.kafka:spring-kafka\")\n}\n", vec![(Client::Postgres, 2), (Client::Kafka, 4)]),
            ("Api.csproj", "<Project>\n<PackageReference Include=\"Npgsql.EntityFrameworkCore.PostgreSQL\" Version=\"8\" />\n</Project>", vec![(Client::Postgres, 2)]),
            ("Gemfile", "gem \"rails\"\ngem 'pg', '~> 1'\n# gem 'redis'\ngem \"sidekiq\"\n", vec![(Client::Redis, 4), (Client::Postgres, 2)]),
            ("composer.json", "{\n \"require\": {\n  \"predis/predis\": \"^2\"\n }\n}", vec![(Client::Redis, 3)]),
            ("mix.exs", "defp deps do\n [\n  {:postgrex, \">= 0.0.0\"},\n  # {:redix, \"1\"},\n ]\n", vec![(Client::Postgres, 3)]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(store, line)| (store, Some(line))).collect();
            assert_eq!(stores(file, text), expected, "{file}");
        }
    }
}
