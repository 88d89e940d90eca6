//! The table of secret patterns, each rule with examples that are its tests.
//!
//! The shapes of keys follow the documentation of the providers and the rules of gitleaks
//! (<https://github.com/gitleaks/gitleaks>) and of GitHub's secret scanning
//! (<https://docs.github.com/code-security/secret-scanning>). The lengths here are looser, since a
//! truncated key or one of a new length is still a key.

/// A kind of secret.
pub(super) struct Rule {
    /// Lowercase literals of which every match contains at least one. They save the search with the
    /// pattern, and usually its compilation.
    pub(super) keywords: &'static [&'static str],
    /// The pattern with the secret as the group `secret`. `{NAME}`, `{YAML}`, `{AUTH}`, `{VALUE}` and
    /// `{SCHEME}` stand for the pieces below.
    pub(super) pattern: &'static str,
    /// Values that are not secrets, in lower case.
    pub(super) except: &'static [&'static str],
    /// Texts, each with the expected result.
    #[cfg(test)]
    pub(super) examples: &'static [(&'static str, &'static str)],
}

/// The parts of patterns, by placeholder.
pub(super) const PIECES: [(&str, &str); 5] = [
    // The end of the name of a variable, a field or an option whose value is a secret: not `tokenizer`,
    // `max_tokens`, `author`.
    (
        "{NAME}",
        r"(?i:[\w.-]*(?:password|passwd|passphrase|pwd|secret|token|requirepass|masterauth|signature|credentials?|[_-]pass|(?:api|access|secret|private|signing|encryption|account|license|shared|master)[_-]?key)|\b(?:pass|sig|authorization))",
    ),
    // The same in prose and YAML, where "pass: 12", "Unexpected token: x" and the end of a path are not
    // secrets.
    (
        "{YAML}",
        r"(?:(?:^|(?u:[^/\w.-]))(?i:[\w.-]*(?:password|passphrase|[_-](?:secret|token|pass|passwd|pwd|auth|credentials?)|(?:api|access|secret|private|shared|account|master)[_-]?key)|(?:[\w.]+-)?authorization|passwd)|^[\s-]*(?i:secret|token|pwd))",
    ),
    ("{AUTH}", r"(?i:[\w.-]*[_-]auth|\bauth)"),
    // A quoted value, or one up to its delimiter in a shell, a query, JSON or a list.
    (
        "{VALUE}",
        r#"(?u:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|["'][^"']*|[^\s"'&;,)\]}]+)"#,
    ),
    ("{SCHEME}", r"(?:(?i:bearer|basic|token|digest)\s+)?"),
];

/// Parts of the names of secrets; a text with a masked named value contains one of them.
const NAMED: &[&str] = &[
    "pass",
    "pwd",
    "secret",
    "token",
    "auth",
    "signature",
    "sig=",
    "credential",
    "key",
];

/// Values of settings whose names look like those of secrets: `allow_credentials=True`.
const PLAIN: &[&str] = &[
    "",
    "false",
    "include",
    "nil",
    "no",
    "none",
    "null",
    "omit",
    "same-origin",
    "true",
    "undefined",
    "yes",
];

/// Authentication methods, which options and settings of that name choose between.
const METHODS: &[&str] = &[
    "any",
    "basic",
    "bearer",
    "cert",
    "digest",
    "disabled",
    "enabled",
    "false",
    "gss",
    "ident",
    "jwt",
    "ldap",
    "md5",
    "no",
    "none",
    "ntlm",
    "null",
    "oauth",
    "oauth2",
    "off",
    "on",
    "optional",
    "pam",
    "password",
    "peer",
    "radius",
    "reject",
    "required",
    "scram-sha-256",
    "sspi",
    "token",
    "true",
    "trust",
    "yes",
];

macro_rules! rules {
    ($($keywords:expr, $pattern:expr $(, except $except:expr)?; [$($example:expr => $left:expr),+ $(,)?])+) => {
        [$(Rule {
            keywords: $keywords,
            pattern: $pattern,
            except: rules!(@except $($except)?),
            #[cfg(test)]
            examples: &[$(($example, $left)),+],
        }),+]
    };
    (@except) => { &[] };
    (@except $except:expr) => { $except };
}

/// All rules in the order of their application: those that redact more come first.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &rules![
    // A private key, up to its end or the end of the text.
    &["private key"], r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?<secret>(?su:.*?))(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|$)";
    [
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----\nx"
            => "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----\nx",
        r"KEY=-----BEGIN PRIVATE KEY-----\nMIIE" => "KEY=-----BEGIN PRIVATE KEY-----***",
        "-----BEGIN PGP PRIVATE KEY BLOCK----- lQ" => "-----BEGIN PGP PRIVATE KEY BLOCK-----***",
    ]
    // scheme://user:password@host (RFC 3986, 3.2.1)
    &["://"], r"\b[a-zA-Z][\w+.-]*://(?u:[^\s/?#@:]*):(?<secret>(?u:[^\s/?#]+))@";
    [
        "redis://:pa:ss@h:6379/0" => "redis://:***@h:6379/0",
        "postgres://anna:p@ss@db/x" => "postgres://anna:***@db/x",
        "mongodb+srv://a:b@c.example/d?w=1" => "mongodb+srv://a:***@c.example/d?w=1",
    ]
    // A user without a password is usually a token. With SSH it is a user name.
    &["://"], r"\b[a-zA-Z][\w+.-]*[a-gi-zA-GI-Z0-9]://(?<secret>(?u:[^\s/?#@:]+))@", except &["git"];
    [
        "https://abcdef@github.com/x.git" => "https://***@github.com/x.git",
        "redis://hunter2@localhost:6379" => "redis://***@localhost:6379",
        "dsn https://0123abc@o1.ingest.sentry.io/2" => "dsn https://***@o1.ingest.sentry.io/2",
        "https://git@github.com/x" => "https://git@github.com/x",
        "ssh://anna@host git+ssh://git@host" => "ssh://anna@host git+ssh://git@host",
    ]
    // Keys without a distinctive word: Amazon, Google, SendGrid, Twilio, Telegram, Terraform, and JSON
    // web tokens (RFC 7519).
    &["akia", "asia", "abia", "acca", "aiza", "sg.", "sk", ":aa", "atlasv1", "eyj"],
    r"\b(?<secret>(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b|AIza[\w-]{30,}|SG\.[\w-]{16,}\.[\w-]{16,}|SK[0-9a-f]{32}\b|\d{8,10}:AA[\w-]{32,}|\w{14}\.atlasv1\.[\w=-]{40,}|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*)";
    [
        "id AKIAIOSFODNN7EXAMPLE" => "id ***",
        "AIzaSyA0123456789abcdefghijklmnopqrstu" => "***",
        concat!("SG", ".0123456789abcdefghijkl.0123456789abcdefghijkl") => "***",
        concat!("SK", "0123456789abcdef0123456789abcdef") => "***",
        "bot 123456789:AAabcdefghijklmnopqrstuvwxyz0123456" => "bot ***",
        "eyJhbGciOiJ.eyJzdWIiOiIx.abc-_d" => "***",
    ]
    // Addresses that are themselves secret.
    &["hooks.slack.com", "/webhooks/"],
    r"(?i:hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/\d+/)(?<secret>[\w/+-]+)";
    [
        concat!("https://hooks.slack", ".com/services/T0/B0/abc") => "https://hooks.slack.com/services/***",
        "https://discord.com/api/webhooks/123/abc-_d" => "https://discord.com/api/webhooks/123/***",
    ]
    &["bearer"], r"(?i:\bbearer)\s+(?<secret>[\w.~+/=-]{8,})";
    [
        "sent bearer abcdefgh12" => "sent bearer ***",
        "Bearer abcdefgh.12" => "Bearer ***",
        "a bearer of news" => "a bearer of news",
    ]
    &["cookie"], r#"(?i:\b(?:set-)?cookie)["']?\s*:\s*(?<secret>(?u:"[^"]*"|'[^']*'|[^"'\s][^"']*))"#;
    [
        "Cookie: session=abc; csrf=d" => "Cookie: ***",
        "curl -H 'Set-Cookie: sid=abc' http://h" => "curl -H 'Set-Cookie: ***' http://h",
    ]
    // name=value in a shell, a query, a connection string
    NAMED, r"{NAME}=(?<secret>{VALUE})", except PLAIN;
    [
        "password=hunter2 next" => "password=*** next",
        "DB_PASSWORD='a b' x" => "DB_PASSWORD=*** x",
        r#"PASSWORD="a\"b" x"# => "PASSWORD=*** x",
        "PASSWORD='without an end" => "PASSWORD=***",
        "AWS_SECRET_ACCESS_KEY=abc" => "AWS_SECRET_ACCESS_KEY=***",
        "accessToken=abc&page=2" => "accessToken=***&page=2",
        "GET /cb?access_token=abc&x=1" => "GET /cb?access_token=***&x=1",
        "GET /b?sv=2024&sig=a%2Fb&se=1" => "GET /b?sv=2024&sig=***&se=1",
        "x?X-Amz-Signature=0ab&X-Amz-Date=1" => "x?X-Amz-Signature=***&X-Amz-Date=1",
        "Server=h;User Id=sa;Password=x;Pwd=y" => "Server=h;User Id=sa;Password=***;Pwd=***",
        "AccountName=a;AccountKey=abc==;E=1" => "AccountName=a;AccountKey=***;E=1",
        "SharedAccessKey=abc=" => "SharedAccessKey=***",
        "PGPASSWORD=x psql" => "PGPASSWORD=*** psql",
        "allow_credentials=True, password=''" => "allow_credentials=True, password=''",
        "//registry.npmjs.org/:_authToken=abc" => "//registry.npmjs.org/:_authToken=***",
    ]
    // "name": value in JSON, also in JSON within a string
    NAMED, r#"{NAME}\\*["']\s*:\s*\\*{SCHEME}(?<secret>{VALUE})"#, except PLAIN;
    [
        r#"{"token": "a,b", "n": 1}"# => r#"{"token": ***, "n": 1}"#,
        r#"{"api_key":"abc"}"# => r#"{"api_key":***}"#,
        "{'password': 'x', 'a': 1}" => "{'password': ***, 'a': 1}",
    ]
    // name: value in YAML, headers and printed settings
    NAMED, r"{YAML}\s*:\s*(?:Some\()?{SCHEME}(?<secret>{VALUE})", except PLAIN;
    [
        "password: hunter2" => "password: ***",
        "DB_PASS: x" => "DB_PASS: ***",
        "  POSTGRES_PWD: x" => "  POSTGRES_PWD: ***",
        "- secret: x" => "- secret: ***",
        "token: x" => "token: ***",
        "X-Api-Key: x" => "X-Api-Key: ***",
        "Authorization: Bearer abcdef" => "Authorization: Bearer ***",
        "Proxy-Authorization: Basic YTpi" => "Proxy-Authorization: Basic ***",
        r#"Settings { api_key: Some("abc"), port: 1 }"# => "Settings { api_key: Some(***), port: 1 }",
        "Access-Control-Allow-Credentials: true" => "Access-Control-Allow-Credentials: true",
        "cat: /etc/passwd: Permission denied" => "cat: /etc/passwd: Permission denied",
        "POST /api/access-token: 401" => "POST /api/access-token: 401",
    ]
    // --name value
    NAMED, r"(?:^|\s)--?{NAME}\s+(?<secret>{VALUE})", except PLAIN;
    [
        "serve --token abc --port 1" => "serve --token *** --port 1",
        "x --api-key 'a b'" => "x --api-key ***",
        "redis-server --requirepass x" => "redis-server --requirepass ***",
    ]
    // '--name', 'value' in lists of words, and '--name=value'
    NAMED, r#"["']--?{NAME}["']\s*,\s*(?<secret>(?u:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))"#;
    [
        "['serve', '--api-key', 'x', 'y']" => "['serve', '--api-key', ***, 'y']",
        r#"["redis-server","--requirepass","a b"]"# => r#"["redis-server","--requirepass",***]"#,
    ]
    NAMED, r"'--?{NAME}=(?<secret>(?u:[^']*))'";
    [
        "x '--db-password=a b' y" => "x '--db-password=***' y",
    ]
    // Names that can also mean an authentication method
    &["auth"], r"{AUTH}=(?<secret>{VALUE})", except METHODS;
    [
        "initdb --auth=trust" => "initdb --auth=trust",
        "--auth-host=md5 --auth-local=peer" => "--auth-host=md5 --auth-local=peer",
        "_auth=abc= basic_auth=Basic" => "_auth=*** basic_auth=Basic",
    ]
    &["auth"], r#"{AUTH}\\*["']\s*:\s*\\*(?<secret>{VALUE})"#, except METHODS;
    [
        r#"{"auth":"abc","proxy_auth":"none"}"# => r#"{"auth":***,"proxy_auth":"none"}"#,
    ]
    &["auth"], r"(?:^|\s)--?{AUTH}\s+(?<secret>{VALUE})", except METHODS;
    [
        "x --auth abc --proxy-auth basic" => "x --auth *** --proxy-auth basic",
    ]
    &["auth"], r#"["']--?{AUTH}["']\s*,\s*(?<secret>(?u:"[^"]*"|'[^']*'))"#, except METHODS;
    [
        "['x', '--auth', 'abc', '--auth', 'trust']" => "['x', '--auth', ***, '--auth', 'trust']",
    ]
    // Options of well-known programs
    &["redis-cli", "valkey-cli"], r"\b(?:redis|valkey)-cli\b(?u:[^|;&]*?)\s-a\s+(?<secret>{VALUE})";
    [
        "/usr/bin/redis-cli -h h -a x ping" => "/usr/bin/redis-cli -h h -a *** ping",
        "redis-cli.exe -a 'x y'" => "redis-cli.exe -a ***",
    ]
    &["mysql", "mariadb"], r"\b(?:mysql|mariadb)[\w-]*(?:\.exe)?\b(?u:[^|;&]*?)\s'?-p(?<secret>(?u:[^\s']+))";
    [
        "mysqldump -uroot -ptop db" => "mysqldump -uroot -p*** db",
        "mysql --port=1 -p" => "mysql --port=1 -p",
        "ssh -p 22" => "ssh -p 22",
    ]
    &["sshpass"], r"\bsshpass\b\s+-p\s*(?<secret>{VALUE})";
    [
        "sshpass -p x ssh h" => "sshpass -p *** ssh h",
        "sshpass -px ssh h" => "sshpass -p*** ssh h",
    ]
    &["-u", "--user", "--proxy-user"], r#"\s(?:-u|--user|--proxy-user)[\s=]\s*["']?(?u:[^\s:"']+):(?<secret>(?u:[^\s"'/][^\s"']*))"#;
    [
        "curl -u anna:x http://h" => "curl -u anna:*** http://h",
        "redis-cli -u redis://127.0.0.1:6379/0 ping" => "redis-cli -u redis://127.0.0.1:6379/0 ping",
        "sh -c 'curl --user anna:x http://h'" => "sh -c 'curl --user anna:*** http://h'",
    ]
];
