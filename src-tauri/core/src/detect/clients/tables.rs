//! Which library is a client for which store.

use super::Client::{
    self, Elasticsearch, Kafka, Minio, Mongodb, Mysql, Nats, Ollama, Postgres, Rabbitmq, Redis,
};

pub(super) fn python(package: &str) -> Option<Client> {
    Some(match package {
        "redis" | "aioredis" | "hiredis" | "django-redis" | "arq" | "rq" | "redis-om" | "flask-redis"
        | "channels-redis" | "celery[redis]" | "dramatiq[redis]" | "fastapi-cache2[redis]" | "coredis"
        | "django-rq" | "walrus" | "redisvl" | "flask-caching[redis]" => Redis,
        "psycopg" | "psycopg2" | "psycopg2-binary" | "psycopg-binary" | "asyncpg" | "pg8000" | "aiopg"
        | "psycopg-pool" | "pgvector" | "databases[postgresql]" | "databases[asyncpg]"
        | "sqlalchemy[postgresql]" | "sqlalchemy[asyncpg]" | "tortoise-orm[asyncpg]" => Postgres,
        "mysqlclient" | "pymysql" | "aiomysql" | "asyncmy" | "mysql-connector-python"
        | "databases[mysql]" => Mysql,
        "pymongo" | "motor" | "beanie" | "mongoengine" | "odmantic" | "flask-pymongo" => Mongodb,
        "pika" | "aio-pika" | "aioamqp" | "celery[librabbitmq]" | "dramatiq[rabbitmq]" | "faststream[rabbit]" => Rabbitmq,
        "kafka-python" | "kafka-python-ng" | "aiokafka" | "confluent-kafka" | "faust-streaming"
        | "faststream[kafka]" => Kafka,
        "nats-py" | "faststream[nats]" => Nats,
        "elasticsearch" | "elasticsearch-dsl" | "django-elasticsearch-dsl" => Elasticsearch,
        "minio" => Minio,
        "ollama" | "langchain-ollama" | "llama-index-llms-ollama" => Ollama,
        _ => return None,
    })
}

/// A crate; `sqlx[postgres]` is its feature.
pub(super) fn rust(library: &str) -> Option<Client> {
    Some(match library {
        "redis" | "deadpool-redis" | "bb8-redis" | "fred" | "rustis" | "redis-async" => Redis,
        "tokio-postgres" | "postgres" | "deadpool-postgres" | "bb8-postgres" | "diesel[postgres]"
        | "sqlx[postgres]" | "sea-orm[sqlx-postgres]" | "diesel-async[postgres]" | "pgvector" => Postgres,
        "mysql" | "mysql_async" | "sqlx[mysql]" | "diesel[mysql]" | "sea-orm[sqlx-mysql]"
        | "diesel-async[mysql]" => Mysql,
        "mongodb" => Mongodb,
        "lapin" | "amqprs" => Rabbitmq,
        "rdkafka" | "rskafka" => Kafka,
        "async-nats" | "nats" => Nats,
        "elasticsearch" => Elasticsearch,
        "minio" => Minio,
        "ollama-rs" => Ollama,
        _ => return None,
    })
}

/// A module path of Go, with or without its major version.
pub(super) fn go(library: &str) -> Option<Client> {
    let known: [(&str, Client); 24] = [
        ("github.com/redis/go-redis", Redis),
        ("github.com/go-redis/redis", Redis),
        ("github.com/gomodule/redigo", Redis),
        ("github.com/redis/rueidis", Redis),
        ("github.com/hibiken/asynq", Redis),
        ("github.com/jackc/pgx", Postgres),
        ("github.com/lib/pq", Postgres),
        ("github.com/go-pg/pg", Postgres),
        ("gorm.io/driver/postgres", Postgres),
        ("github.com/uptrace/bun/driver/pgdriver", Postgres),
        ("github.com/go-sql-driver/mysql", Mysql),
        ("gorm.io/driver/mysql", Mysql),
        ("go.mongodb.org/mongo-driver", Mongodb),
        ("github.com/rabbitmq/amqp091-go", Rabbitmq),
        ("github.com/streadway/amqp", Rabbitmq),
        ("github.com/segmentio/kafka-go", Kafka),
        ("github.com/IBM/sarama", Kafka),
        ("github.com/Shopify/sarama", Kafka),
        ("github.com/twmb/franz-go", Kafka),
        ("github.com/confluentinc/confluent-kafka-go", Kafka),
        ("github.com/nats-io/nats.go", Nats),
        ("github.com/elastic/go-elasticsearch", Elasticsearch),
        ("github.com/minio/minio-go", Minio),
        ("github.com/ollama/ollama", Ollama),
    ];
    known.into_iter().find_map(|(path, store)| {
        let rest = library.strip_prefix(path)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(store)
    })
}

/// An artifact of Maven, without its group.
pub(super) fn java(library: &str) -> Option<Client> {
    Some(match library {
        "jedis" | "lettuce-core" | "redisson" | "redisson-spring-boot-starter" | "spring-boot-starter-data-redis"
        | "spring-boot-starter-data-redis-reactive" | "quarkus-redis-client" | "micronaut-redis-lettuce"
        | "spring-session-data-redis" => Redis,
        "postgresql" | "r2dbc-postgresql" | "quarkus-jdbc-postgresql" | "quarkus-reactive-pg-client"
        | "vertx-pg-client" => Postgres,
        "mysql-connector-j" | "mysql-connector-java" | "mariadb-java-client" | "quarkus-jdbc-mysql"
        | "quarkus-jdbc-mariadb" | "r2dbc-mysql" => Mysql,
        "spring-boot-starter-data-mongodb" | "spring-boot-starter-data-mongodb-reactive"
        | "mongodb-driver-sync" | "mongodb-driver-reactivestreams" | "quarkus-mongodb-client"
        | "quarkus-mongodb-panache" => Mongodb,
        "spring-boot-starter-amqp" | "amqp-client" | "spring-rabbit" => Rabbitmq,
        "spring-kafka" | "kafka-clients" | "quarkus-messaging-kafka" | "quarkus-smallrye-reactive-messaging-kafka"
        | "kafka-streams" => Kafka,
        "jnats" => Nats,
        "spring-boot-starter-data-elasticsearch" | "elasticsearch-java" => Elasticsearch,
        "minio" => Minio,
        "spring-ai-starter-model-ollama" | "spring-ai-ollama-spring-boot-starter" | "langchain4j-ollama" => Ollama,
        _ => return None,
    })
}

/// A package of NuGet, in lower case.
pub(super) fn dotnet(library: &str) -> Option<Client> {
    Some(match library.to_ascii_lowercase().as_str() {
        "stackexchange.redis" | "microsoft.extensions.caching.stackexchangeredis" | "aspire.stackexchange.redis" => Redis,
        "npgsql" | "npgsql.entityframeworkcore.postgresql" | "npgsql.dependencyinjection"
        | "aspire.npgsql.entityframeworkcore.postgresql" | "marten" => Postgres,
        "mysqlconnector" | "mysql.data" | "pomelo.entityframeworkcore.mysql" | "mysql.entityframeworkcore" => Mysql,
        "mongodb.driver" => Mongodb,
        "rabbitmq.client" | "masstransit.rabbitmq" | "easynetq" => Rabbitmq,
        "confluent.kafka" | "masstransit.kafka" => Kafka,
        "nats.net" | "nats.client" | "nats.client.core" => Nats,
        "elastic.clients.elasticsearch" | "nest" => Elasticsearch,
        "minio" => Minio,
        "ollamasharp" => Ollama,
        _ => return None,
    })
}

pub(super) fn ruby(library: &str) -> Option<Client> {
    Some(match library {
        "redis" | "sidekiq" | "resque" | "redis-rails" | "redis-client" => Redis,
        "pg" => Postgres,
        "mysql2" | "trilogy" => Mysql,
        "mongoid" | "mongo" => Mongodb,
        "bunny" | "sneakers" => Rabbitmq,
        "ruby-kafka" | "rdkafka" | "karafka" => Kafka,
        "nats-pure" => Nats,
        "elasticsearch" | "elasticsearch-rails" | "searchkick" => Elasticsearch,
        _ => return None,
    })
}

pub(super) fn php(library: &str) -> Option<Client> {
    Some(match library {
        "predis/predis" | "ext-redis" | "laravel/horizon" => Redis,
        "ext-pdo_pgsql" | "ext-pgsql" => Postgres,
        "ext-pdo_mysql" | "ext-mysqli" => Mysql,
        "mongodb/mongodb" | "mongodb/laravel-mongodb" | "jenssegers/mongodb" | "doctrine/mongodb-odm-bundle" => Mongodb,
        "php-amqplib/php-amqplib" | "symfony/amqp-messenger" | "vladimir-yuldashev/laravel-queue-rabbitmq" => Rabbitmq,
        "elasticsearch/elasticsearch" => Elasticsearch,
        _ => return None,
    })
}

pub(super) fn elixir(library: &str) -> Option<Client> {
    Some(match library {
        "redix" | "exq" | "phoenix_pubsub_redis" => Redis,
        "postgrex" => Postgres,
        "myxql" => Mysql,
        "mongodb_driver" => Mongodb,
        "amqp" | "broadway_rabbitmq" => Rabbitmq,
        "brod" | "broadway_kafka" | "kafka_ex" => Kafka,
        "gnat" => Nats,
        "elasticsearch" => Elasticsearch,
        _ => return None,
    })
}
