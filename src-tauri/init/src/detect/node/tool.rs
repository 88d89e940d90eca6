//! The programs that scripts run, and what is known about each.

use super::script::program;

/// A program that serves while one develops.
#[derive(Debug)]
pub(super) struct Tool {
    /// The program.
    program: &'static str,
    /// The words of which one must follow; with none, anything may, or nothing.
    commands: &'static [&'static str],
    /// The framework, as its package is called.
    pub(super) framework: &'static str,
    /// The port on which it listens if nothing says another.
    pub(super) port: u16,
    /// The arguments that give it a port.
    pub(super) arguments: &'static [&'static str],
    /// The options by which a script may have given one.
    pub(super) options: &'static [&'static str],
    /// Whether it listens where `$PORT` says.
    pub(super) reads_port: bool,
    pub(super) is_frontend: bool,
}

const LONG: &[&str] = &["--port", "{port}"];
const NONE: &[&str] = &[];
const OPTIONS: &[&str] = &["--port", "-p"];
const DEV: &[&str] = &["dev"];

const fn frontend(
    program: &'static str,
    commands: &'static [&'static str],
    framework: &'static str,
    port: u16,
) -> Tool {
    Tool {
        program,
        commands,
        framework,
        port,
        arguments: LONG,
        options: OPTIONS,
        reads_port: false,
        is_frontend: true,
    }
}

const fn backend(
    program: &'static str,
    commands: &'static [&'static str],
    framework: &'static str,
    port: u16,
) -> Tool {
    Tool {
        arguments: NONE,
        reads_port: true,
        is_frontend: false,
        ..frontend(program, commands, framework, port)
    }
}

/// Defaults as the documentation of each has them. The first that fits counts.
static TOOLS: [Tool; 41] = [
    // Vite takes the next free port unless it is told not to; it would then be the wrong one.
    Tool {
        arguments: &["--port", "{port}", "--strictPort"],
        ..frontend("vite", &["", "dev", "serve"], "vite", 5173)
    },
    frontend("vite", &["preview"], "vite", 4173),
    Tool {
        reads_port: true,
        ..frontend("next", &["", "dev", "start"], "next", 3000)
    },
    Tool {
        reads_port: true,
        ..frontend("nuxt", &["", "dev", "preview", "start"], "nuxt", 3000)
    },
    Tool {
        reads_port: true,
        ..frontend("nuxi", &["dev", "preview"], "nuxt", 3000)
    },
    frontend("astro", &["", "dev", "preview"], "astro", 4321),
    frontend("ng", &["serve", "s", "dev"], "@angular/cli", 4200),
    Tool {
        arguments: NONE,
        options: NONE,
        reads_port: true,
        ..frontend("react-scripts", &["start"], "react-scripts", 3000)
    },
    Tool {
        arguments: NONE,
        options: NONE,
        reads_port: true,
        ..frontend("craco", &["start"], "react-scripts", 3000)
    },
    Tool {
        arguments: NONE,
        options: NONE,
        reads_port: true,
        ..frontend("react-app-rewired", &["start"], "react-scripts", 3000)
    },
    frontend("react-router", DEV, "react-router", 5173),
    frontend("remix", &["vite:dev"], "remix", 5173),
    Tool {
        arguments: NONE,
        reads_port: true,
        ..frontend("remix", DEV, "remix", 3000)
    },
    Tool {
        arguments: NONE,
        reads_port: true,
        ..frontend("remix-serve", &[], "remix", 3000)
    },
    frontend("vue-cli-service", &["serve"], "@vue/cli-service", 8080),
    frontend("gatsby", &["develop"], "gatsby", 8000),
    frontend("webpack", &["serve", "s", "server"], "webpack", 8080),
    frontend("webpack-dev-server", &[], "webpack", 8080),
    frontend("rspack", &["serve", "dev", "s"], "rspack", 8080),
    frontend("rsbuild", &["", "dev"], "rsbuild", 3000),
    frontend("parcel", &[], "parcel", 1234),
    frontend("vinxi", DEV, "vinxi", 3000),
    frontend("vitepress", &["", "dev"], "vitepress", 5173),
    frontend("docusaurus", &["start"], "@docusaurus/core", 3000),
    frontend("ember", &["serve", "server", "s"], "ember-cli", 4200),
    frontend("eleventy", &["--serve"], "@11ty/eleventy", 8080),
    frontend("expo", &["start"], "expo", 8081),
    frontend("http-server", &[], "http-server", 8080),
    Tool {
        arguments: &["--listen", "{port}"],
        options: &["--listen", "-l", "-p"],
        ..frontend("serve", &[], "serve", 3000)
    },
    frontend("live-server", &[], "live-server", 8080),
    frontend("quasar", DEV, "@quasar/app-vite", 9000),
    frontend("ionic", &["serve"], "@ionic/cli", 8100),
    Tool {
        reads_port: false,
        arguments: LONG,
        ..backend("wrangler", DEV, "wrangler", 8787)
    },
    Tool {
        reads_port: false,
        arguments: LONG,
        ..backend("json-server", &[], "json-server", 3000)
    },
    backend("nest", &["start"], "@nestjs/core", 3000),
    Tool {
        arguments: LONG,
        ..backend("fastify", &["start"], "fastify", 3000)
    },
    backend(
        "strapi",
        &["develop", "dev", "start"],
        "@strapi/strapi",
        1337,
    ),
    backend("medusa", &["develop", "start"], "@medusajs/medusa", 9000),
    backend("directus", &["start"], "directus", 8055),
    backend("adonis", &["serve"], "@adonisjs/core", 3333),
    Tool {
        arguments: &["--httpPort", "{port}"],
        options: &["--httpPort"],
        reads_port: false,
        ..backend("sls", &["offline"], "serverless-offline", 3000)
    },
];

/// The tool that a command runs.
pub(super) fn of(words: &[String]) -> Option<&'static Tool> {
    let name = program(words.first()?);
    let next = words.get(1).map(String::as_str);
    let fits = |tool: &&Tool| {
        let command = match next {
            Some(word) if !word.starts_with('-') => word,
            // `vite --port 3000` has no word; `eleventy --serve` has an option that is one.
            Some(option) if tool.commands.contains(&option) => option,
            _ => "",
        };
        // `vite apps/web`: a folder in the place of a word.
        let is_folder = tool.program == "vite" && (command.contains('/') || command == ".");
        tool.program == name
            && (tool.commands.is_empty() || is_folder || tool.commands.contains(&command))
    };
    TOOLS.iter().find(fits)
}

/// The port that the words of a command give it.
pub(super) fn port_in(words: &[String], options: &[&str]) -> Option<u16> {
    let number = |text: &str| {
        text.rsplit(':')
            .next()?
            .parse()
            .ok()
            .filter(|port| *port > 0)
    };
    words.iter().enumerate().find_map(|(at, word)| {
        if options.contains(&word.as_str()) {
            return number(words.get(at + 1)?);
        }
        let (name, value) = word.split_once('=')?;
        options.contains(&name).then(|| number(value))?
    })
}

/// Whether the words name a port at all, in whatever way: `--port $PORT` too.
pub(super) fn names_port(words: &[String], options: &[&str]) -> bool {
    words.iter().any(|word| {
        let name = word.split('=').next().unwrap_or(word);
        options.contains(&name)
    })
}

/// Programs that run a server of the project's own.
pub(super) fn runs_source(words: &[String]) -> bool {
    let name = words.first().map_or("", |word| program(word));
    let runs = matches!(
        name,
        "node"
            | "nodemon"
            | "ts-node"
            | "ts-node-dev"
            | "tsnd"
            | "tsx"
            | "bun"
            | "deno"
            | "babel-node"
            | "pm2"
            | "pm2-dev"
            | "node-dev"
            | "swc-node"
            | "vite-node"
            | "esno"
            | "jiti"
            | "tsc-watch"
            | "tsup-node"
            | "nodemon-webpack"
            | "encore"
            | "supervisor"
            | "forever"
    );
    runs || (name == "tsup" && words.iter().any(|word| word.starts_with("--onSuccess")))
}

/// Whether the command only builds something for others, again and again.
pub(super) fn only_builds(words: &[String]) -> bool {
    let name = words.first().map_or("", |word| program(word));
    let has = |word: &str| words.iter().any(|it| it == word);
    match name {
        "tsc" | "tsup" | "rollup" | "unbuild" | "microbundle" | "tsdown" | "swc" | "babel"
        | "sass" | "tailwindcss" | "postcss" | "esbuild" | "bunchee" | "ng-packagr" | "jest"
        | "vitest" | "eslint" | "prettier" | "graphql-codegen" | "chokidar" | "echo" | "true"
        | "rimraf" | "cypress" | "playwright" | "svelte-package" | "prisma" | "drizzle-kit"
        | "lint-staged" | "husky" | "tsc-alias"
        // They show parts of a project to its developers.
        | "email" | "react-email" | "storybook" | "start-storybook" | "ladle" | "histoire" => true,
        "vite" | "ng" | "next" | "webpack" | "astro" | "parcel" | "nuxt" => {
            has("build") || (name == "webpack" && (has("--watch") || has("-w")))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::node::script::words;

    #[test]
    fn a_tool_is_known_by_its_program_and_its_command() {
        for (command, expected) in [
            ("vite", Some(("vite", 5173))),
            ("vite --host", Some(("vite", 5173))),
            ("vite preview", Some(("vite", 4173))),
            ("vite build --watch", None),
            ("next dev --turbo", Some(("next", 3000))),
            ("next lint", None),
            ("ng serve", Some(("@angular/cli", 4200))),
            ("ng build", None),
            ("eleventy --serve", Some(("@11ty/eleventy", 8080))),
            ("node server.js", None),
        ] {
            let tool = of(&words(command)).map(|tool| (tool.framework, tool.port));
            assert_eq!(tool, expected, "{command}");
        }
    }

    #[test]
    fn a_port_is_found_among_words() {
        for (command, expected) in [
            ("vite --port 3001", Some(3001)),
            ("vite --port=3001", Some(3001)),
            ("next dev -p 3001", Some(3001)),
            ("serve -l tcp://0.0.0.0:3001", Some(3001)),
            ("vite --port $PORT", None),
            ("vite", None),
        ] {
            let options = &["--port", "-p", "-l"];
            assert_eq!(port_in(&words(command), options), expected, "{command}");
        }
    }
}
