//! The stores that projects need: how each is recognized, and where it usually listens.

use std::{collections::HashMap, sync::LazyLock};

/// A store.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Store {
    /// The name that its service gets.
    pub(super) name: &'static str,
    /// As people write it.
    pub(super) title: &'static str,
    pub(super) port: u16,
    /// The schemes of its addresses.
    pub(super) schemes: &'static [&'static str],
    /// What the names of variables begin with that hold its address or its host.
    pub(super) variables: &'static [&'static str],
    /// The packages that talk to it, over all languages; in lower case, with `-` for `_`.
    clients: &'static [&'static str],
    /// Parts of Go modules that talk to it.
    modules: &'static [&'static str],
    /// Only one of these is used by an app at a time, whatever drivers it has.
    pub(super) is_sql: bool,
}

pub(super) static STORES: [Store; 11] = [
    Store {
        name: "redis",
        title: "Redis",
        port: 6379,
        schemes: &["redis", "rediss", "valkey"],
        variables: &[
            "REDIS_",
            "CELERY_BROKER",
            "CELERY_RESULT",
            "VALKEY_",
            "SPRING_DATA_REDIS",
        ],
        clients: &[
            "redis",
            "ioredis",
            "redis-py",
            "aioredis",
            "django-redis",
            "channels-redis",
            "flask-redis",
            "rq",
            "django-rq",
            "arq",
            "bull",
            "bullmq",
            "bee-queue",
            "connect-redis",
            "@nestjs/bull",
            "@nestjs/bullmq",
            "cache-manager-redis-store",
            "@keyv/redis",
            "deadpool-redis",
            "bb8-redis",
            "fred",
            "spring-boot-starter-data-redis",
            "spring-session-data-redis",
            "jedis",
            "lettuce-core",
            "redisson",
            "stackexchange.redis",
            "microsoft.extensions.caching.stackexchangeredis",
            "redis-rails",
            "sidekiq",
            "resque",
            "predis/predis",
            "redix",
            "exq",
        ],
        modules: &[
            "redis/go-redis",
            "go-redis/redis",
            "gomodule/redigo",
            "hibiken/asynq",
        ],
        is_sql: false,
    },
    Store {
        name: "postgres",
        title: "PostgreSQL",
        port: 5432,
        schemes: &[
            "postgres",
            "postgresql",
            "pgsql",
            "ecto",
            "postgis",
            "cockroachdb",
        ],
        variables: &["POSTGRES", "PG_", "PGHOST", "PGPORT"],
        clients: &[
            "pg",
            "pg-promise",
            "postgres",
            "postgres.js",
            "psycopg",
            "psycopg2",
            "psycopg2-binary",
            "psycopg-binary",
            "asyncpg",
            "aiopg",
            "pg8000",
            "tokio-postgres",
            "sqlx-postgres",
            "postgresql",
            "r2dbc-postgresql",
            "npgsql",
            "npgsql.entityframeworkcore.postgresql",
            "postgrex",
            "@vercel/postgres",
            "slonik",
        ],
        modules: &[
            "lib/pq",
            "jackc/pgx",
            "gorm.io/driver/postgres",
            "go-pg/pg",
            "uptrace/bun/driver/pgdriver",
        ],
        is_sql: true,
    },
    Store {
        name: "mysql",
        title: "MySQL",
        port: 3306,
        schemes: &["mysql", "mysql2", "mariadb"],
        variables: &["MYSQL", "MARIADB"],
        clients: &[
            "mysql",
            "mysql2",
            "mariadb",
            "mysqlclient",
            "pymysql",
            "aiomysql",
            "asyncmy",
            "mysql-connector-python",
            "mysql-connector-java",
            "mysql-connector-j",
            "mariadb-java-client",
            "mysql-async",
            "sqlx-mysql",
            "mysql.data",
            "mysqlconnector",
            "pomelo.entityframeworkcore.mysql",
            "trilogy",
            "myxql",
        ],
        modules: &["go-sql-driver/mysql", "gorm.io/driver/mysql"],
        is_sql: true,
    },
    Store {
        name: "mongodb",
        title: "MongoDB",
        port: 27_017,
        schemes: &["mongodb"],
        variables: &["MONGO"],
        clients: &[
            "mongodb",
            "mongoose",
            "@nestjs/mongoose",
            "pymongo",
            "motor",
            "beanie",
            "mongoengine",
            "odmantic",
            "spring-boot-starter-data-mongodb",
            "spring-boot-starter-data-mongodb-reactive",
            "mongodb.driver",
            "mongo",
            "mongoid",
            "mongodb/laravel-mongodb",
            "mongodb-driver",
            "mongodb-driver-sync",
        ],
        modules: &["go.mongodb.org/mongo-driver"],
        is_sql: false,
    },
    Store {
        name: "rabbitmq",
        title: "RabbitMQ",
        port: 5672,
        schemes: &["amqp", "pyamqp", "amqps"],
        variables: &["RABBITMQ", "RABBIT_", "AMQP", "CELERY_BROKER"],
        clients: &[
            "amqplib",
            "amqp-connection-manager",
            "rascal",
            "pika",
            "aio-pika",
            "aioamqp",
            "lapin",
            "spring-boot-starter-amqp",
            "spring-rabbit",
            "rabbitmq.client",
            "masstransit.rabbitmq",
            "bunny",
            "sneakers",
            "php-amqplib/php-amqplib",
            "amqp-client",
            "broadway-rabbitmq",
        ],
        modules: &["rabbitmq/amqp091-go", "streadway/amqp"],
        is_sql: false,
    },
    Store {
        name: "kafka",
        title: "Kafka",
        port: 9092,
        schemes: &["kafka"],
        variables: &["KAFKA"],
        clients: &[
            "kafkajs",
            "node-rdkafka",
            "@confluentinc/kafka-javascript",
            "kafka-python",
            "kafka-python-ng",
            "aiokafka",
            "confluent-kafka",
            "faust",
            "faust-streaming",
            "rdkafka",
            "spring-kafka",
            "kafka-clients",
            "confluent.kafka",
            "ruby-kafka",
            "rdkafka-ruby",
            "karafka",
            "brod",
            "broadway-kafka",
        ],
        modules: &[
            "segmentio/kafka-go",
            "ibm/sarama",
            "shopify/sarama",
            "confluent-kafka-go",
            "twmb/franz-go",
        ],
        is_sql: false,
    },
    Store {
        name: "nats",
        title: "NATS",
        port: 4222,
        schemes: &["nats", "tls+nats"],
        variables: &["NATS"],
        clients: &[
            "nats",
            "@nats-io/transport-node",
            "nats-py",
            "async-nats",
            "jnats",
            "nats.client",
            "nats.net",
            "nats-pure",
            "gnat",
        ],
        modules: &["nats-io/nats.go"],
        is_sql: false,
    },
    Store {
        name: "elasticsearch",
        title: "Elasticsearch",
        port: 9200,
        schemes: &["elasticsearch"],
        variables: &["ELASTIC", "ES_"],
        clients: &[
            "@elastic/elasticsearch",
            "@nestjs/elasticsearch",
            "elasticsearch",
            "elasticsearch-dsl",
            "django-elasticsearch-dsl",
            "spring-boot-starter-data-elasticsearch",
            "elasticsearch-java",
            "elastic.clients.elasticsearch",
            "nest",
            "elasticsearch-rails",
            "elasticsearch/elasticsearch",
        ],
        modules: &["elastic/go-elasticsearch"],
        is_sql: false,
    },
    Store {
        name: "minio",
        title: "MinIO",
        port: 9000,
        schemes: &["minio"],
        variables: &["MINIO", "S3_ENDPOINT", "AWS_ENDPOINT", "AWS_S3_ENDPOINT"],
        clients: &["minio", "minio-py", "django-minio-backend"],
        modules: &["minio/minio-go"],
        is_sql: false,
    },
    Store {
        name: "ollama",
        title: "Ollama",
        port: 11_434,
        schemes: &["ollama"],
        variables: &["OLLAMA"],
        clients: &[
            "ollama",
            "ollama-ai-provider",
            "langchain-ollama",
            "@langchain/ollama",
            "llama-index-llms-ollama",
            "ollama-rs",
            "ollamasharp",
            "spring-ai-starter-model-ollama",
        ],
        modules: &["ollama/ollama"],
        is_sql: false,
    },
    Store {
        name: "memcached",
        title: "Memcached",
        port: 11_211,
        schemes: &["memcached", "memcache"],
        variables: &["MEMCACHE"],
        clients: &[
            "memjs",
            "memcached",
            "pymemcache",
            "pylibmc",
            "python-memcached",
            "aiomcache",
            "dalli",
        ],
        modules: &["bradfitz/gomemcache"],
        is_sql: false,
    },
];

/// The store that a package talks to.
pub(super) fn of_client(package: &str) -> Option<&'static Store> {
    static BY_CLIENT: LazyLock<HashMap<&str, &Store>> = LazyLock::new(|| {
        let pairs =
            |store: &'static Store| store.clients.iter().map(move |client| (*client, store));
        STORES.iter().flat_map(pairs).collect()
    });
    let name = package.to_ascii_lowercase().replace('_', "-");
    BY_CLIENT.get(name.as_str()).copied()
}

/// The store that a Go module talks to.
pub(super) fn of_module(line: &str) -> Option<&'static Store> {
    let line = line.to_ascii_lowercase();
    STORES
        .iter()
        .find(|store| store.modules.iter().any(|module| line.contains(module)))
}

/// The store whose addresses have this scheme.
pub(super) fn of_scheme(scheme: &str) -> Option<&'static Store> {
    STORES.iter().find(|store| store.schemes.contains(&scheme))
}

/// The store that a variable is about, by its name.
pub(super) fn of_variable(name: &str) -> Option<&'static Store> {
    let name = name.to_ascii_uppercase();
    STORES.iter().find(|store| {
        store.variables.iter().any(|start| {
            let found = name.find(start);
            found.is_some_and(|at| at == 0 || name.as_bytes()[at - 1] == b'_')
        })
    })
}
