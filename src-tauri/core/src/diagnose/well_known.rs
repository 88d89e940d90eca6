//! Who usually listens on a port, how it is started, and how it stands in a stack file.

/// The usual owner of a port.
#[derive(Debug)]
pub(super) struct WellKnown {
    port: u16,
    /// As people call it.
    pub(super) name: &'static str,
    /// What it would be called in a stack file.
    pub(super) service: &'static str,
    /// How a person starts it: commands in backquotes.
    pub(super) start: &'static str,
    /// The command of a stack file, in TOML; `None` for what runs as a service of the system, which
    /// the stack only watches.
    command: Option<&'static str>,
    /// What tells that it is ready, where more than its port does.
    ready: Option<&'static str>,
}

/// The usual owner of this port.
pub(super) fn of(port: u16) -> Option<&'static WellKnown> {
    ALL.iter().find(|known| known.port == port)
}

/// The server that speaks the scheme of an address: `mongodb`.
pub(super) fn speaking(scheme: &str) -> Option<&'static WellKnown> {
    let (scheme, _) = scheme.split_once('+').unwrap_or((scheme, ""));
    let service = match scheme {
        "postgresql" => "postgres",
        "mariadb" => "mysql",
        "amqp" | "amqps" => "rabbitmq",
        "rediss" => "redis",
        other => other,
    };
    ALL.iter().find(|known| known.service == service)
}

impl WellKnown {
    /// Its lines in a stack file.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("[service.{}]", self.service)];
        match self.command {
            Some(command) => lines.push(format!("command = {command}")),
            None => lines.push("external = true".to_owned()),
        }
        lines.push(format!("port = {}", self.port));
        lines.extend(self.ready.map(|ready| format!("ready = {ready}")));
        lines
    }
}

/// A row for a program that a stack can run by itself.
const fn program(
    port: u16,
    name: &'static str,
    service: &'static str,
    start: &'static str,
    command: &'static str,
) -> WellKnown {
    WellKnown {
        port,
        name,
        service,
        start,
        command: Some(command),
        ready: None,
    }
}

/// A row for what usually runs as a service of the system or in a container.
const fn system(
    port: u16,
    name: &'static str,
    service: &'static str,
    start: &'static str,
) -> WellKnown {
    WellKnown {
        port,
        name,
        service,
        start,
        command: None,
        ready: None,
    }
}

static ALL: [WellKnown; 24] = [
    WellKnown {
        ready: Some(r#""redis""#),
        ..program(
            6379,
            "Redis",
            "redis",
            "`redis-server`",
            r#"["redis-server", "--port", "{port}", "--save", "", "--appendonly", "no"]"#,
        )
    },
    system(
        5432,
        "PostgreSQL",
        "postgres",
        "`sudo systemctl start postgresql`, `brew services start postgresql`, or `docker run --rm \
         -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres`",
    ),
    system(
        3306,
        "MySQL",
        "mysql",
        "`sudo systemctl start mysql`, `brew services start mysql`, or `docker run --rm -p \
         3306:3306 -e MYSQL_ALLOW_EMPTY_PASSWORD=1 mysql`",
    ),
    program(
        27017,
        "MongoDB",
        "mongodb",
        "`mongod --dbpath data`, or `docker run --rm -p 27017:27017 mongo`",
        r#"["docker", "run", "--rm", "-p", "{port}:27017", "mongo"]"#,
    ),
    program(
        5672,
        "RabbitMQ",
        "rabbitmq",
        "`sudo systemctl start rabbitmq-server`, or `docker run --rm -p 5672:5672 rabbitmq`",
        r#"["docker", "run", "--rm", "-p", "{port}:5672", "rabbitmq"]"#,
    ),
    program(
        9092,
        "Kafka",
        "kafka",
        "`docker run --rm -p 9092:9092 apache/kafka`",
        r#"["docker", "run", "--rm", "-p", "{port}:9092", "apache/kafka"]"#,
    ),
    program(
        11434,
        "Ollama",
        "ollama",
        "`ollama serve`",
        r#""ollama serve""#,
    ),
    program(
        4222,
        "NATS",
        "nats",
        "`nats-server`",
        r#""nats-server --port {port}""#,
    ),
    program(
        9200,
        "Elasticsearch",
        "elasticsearch",
        "`docker run --rm -p 9200:9200 -e discovery.type=single-node -e \
         xpack.security.enabled=false elasticsearch:9.2.1`",
        r#"["docker", "run", "--rm", "-p", "{port}:9200", "-e", "discovery.type=single-node", "-e", "xpack.security.enabled=false", "elasticsearch:9.2.1"]"#,
    ),
    program(
        9000,
        "MinIO",
        "minio",
        "`minio server data`",
        r#""minio server data --address :{port}""#,
    ),
    program(
        1025,
        "Mailpit",
        "mailpit",
        "`mailpit`",
        r#""mailpit --smtp 127.0.0.1:{port}""#,
    ),
    program(
        11211,
        "memcached",
        "memcached",
        "`memcached -l 127.0.0.1`",
        r#""memcached -l 127.0.0.1 -p {port}""#,
    ),
    program(
        8000,
        "an HTTP server, of Python mostly",
        "backend",
        "what serves your API",
        r#""uvicorn main:app --port {port}""#,
    ),
    program(
        6333,
        "Qdrant",
        "qdrant",
        "`docker run --rm -p 6333:6333 qdrant/qdrant`",
        r#"["docker", "run", "--rm", "-p", "{port}:6333", "qdrant/qdrant"]"#,
    ),
    program(
        19530,
        "Milvus",
        "milvus",
        "`milvus-server`",
        r#""milvus-server""#,
    ),
    program(
        8529,
        "ArangoDB",
        "arangodb",
        "`docker run --rm -p 8529:8529 -e ARANGO_NO_AUTH=1 arangodb`",
        r#"["docker", "run", "--rm", "-p", "{port}:8529", "-e", "ARANGO_NO_AUTH=1", "arangodb"]"#,
    ),
    program(
        7687,
        "Neo4j",
        "neo4j",
        "`neo4j console`, or `docker run --rm -p 7687:7687 -e NEO4J_AUTH=none neo4j`",
        r#""neo4j console""#,
    ),
    program(
        7700,
        "Meilisearch",
        "meilisearch",
        "`meilisearch`",
        r#""meilisearch --http-addr 127.0.0.1:{port}""#,
    ),
    program(
        8108,
        "Typesense",
        "typesense",
        "`typesense-server --data-dir data --api-key dev`",
        r#""typesense-server --data-dir data --api-key dev --api-port {port}""#,
    ),
    program(2379, "etcd", "etcd", "`etcd`", r#""etcd""#),
    program(
        8500,
        "Consul",
        "consul",
        "`consul agent -dev`",
        r#""consul agent -dev -http-port {port}""#,
    ),
    system(
        1433,
        "SQL Server",
        "sqlserver",
        "`sudo systemctl start mssql-server`, or its container",
    ),
    program(
        26257,
        "CockroachDB",
        "cockroachdb",
        "`cockroach start-single-node --insecure`",
        r#""cockroach start-single-node --insecure --listen-addr 127.0.0.1:{port}""#,
    ),
    program(
        7233,
        "Temporal",
        "temporal",
        "`temporal server start-dev`",
        r#""temporal server start-dev --port {port}""#,
    ),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_lines_of_each_make_a_stack_file() {
        for known in &ALL {
            let text = known.lines().join("\n");
            let read = crate::stack_file::parse(
                Path::new("/project/pilotlight.toml"),
                text.as_bytes(),
                &crate::env::Env::new(),
            );
            assert!(read.is_ok(), "{text}\n{read:?}");
        }
    }

    #[test]
    fn no_port_has_two_owners() {
        let mut ports: Vec<u16> = ALL.iter().map(|known| known.port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), ALL.len());
    }
}
