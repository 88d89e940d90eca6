//! The table of keys with a provider's prefix.

/// The characters that may follow the prefix of a key.
#[derive(Clone, Copy, Debug)]
enum Rest {
    /// Letters and digits.
    Alphanumeric,
    /// Hexadecimal digits.
    Hexadecimal,
    /// Letters, digits, `_` and `-`.
    Word,
}

impl Rest {
    fn takes(self, byte: u8) -> bool {
        match self {
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Hexadecimal => byte.is_ascii_hexdigit(),
            Self::Word => is_word(byte) || byte == b'-',
        }
    }
}

use Rest::{Alphanumeric, Hexadecimal, Word};

/// The minimum length after the prefix. Shorter text counts as an ordinary word: `sk-learn`,
/// `npm_config`.
const SHORTEST: usize = 16;

/// The prefixes of keys, and the characters allowed in the next [`SHORTEST`] positions.
#[rustfmt::skip]
const BEGINNINGS: &[(&str, Rest)] = &[
    // OpenAI, Anthropic, OpenRouter; Stripe, Clerk
    ("sk-", Word), ("pk-", Word), ("rk-", Word), ("sk_", Word), ("pk_", Word), ("rk_", Word), ("whsec_", Alphanumeric),
    ("ghp_", Alphanumeric), ("gho_", Alphanumeric), ("ghu_", Alphanumeric), ("ghs_", Alphanumeric), ("ghr_", Alphanumeric),
    ("github_pat_", Word),
    ("glpat-", Word), ("gldt-", Word), ("glrt-", Word), ("glcbt-", Word), ("glptt-", Word), ("glft-", Word),
    ("glsoat-", Word), ("glimt-", Word), ("glagent-", Word), ("GR1348941", Word),
    // Hugging Face, npm, PyPI, RubyGems, Docker, crates.io
    ("hf_", Alphanumeric), ("api_org_", Alphanumeric), ("npm_", Alphanumeric), ("pypi-", Word), ("rubygems_", Hexadecimal),
    ("dckr_pat_", Word), ("dckr_oat_", Word), ("cio", Alphanumeric),
    // Slack
    ("xoxa-", Word), ("xoxb-", Word), ("xoxc-", Word), ("xoxd-", Word), ("xoxe-", Word), ("xoxe.", Word), ("xoxo-", Word),
    ("xoxp-", Word), ("xoxr-", Word), ("xoxs-", Word), ("xapp-", Word),
    // Google
    ("AIza", Word), ("GOCSPX-", Word), ("ya29.", Word),
    // Shopify, Square
    ("shpat_", Hexadecimal), ("shpca_", Hexadecimal), ("shppa_", Hexadecimal), ("shpss_", Hexadecimal), ("sq0atp-", Word), ("sq0csp-", Word), ("sq0idp-", Word),
    // Clouds: DigitalOcean, Databricks, Doppler, Vault, Pulumi, PlanetScale, Supabase, Netlify, Fly.io, Heroku, Tailscale
    ("dop_v1_", Hexadecimal), ("doo_v1_", Hexadecimal), ("dor_v1_", Hexadecimal), ("dapi", Hexadecimal),
    ("dp.pt.", Word), ("dp.st.", Word), ("dp.ct.", Word), ("dp.sa.", Word), ("hvs.", Word), ("hvb.", Word), ("hvr.", Word),
    ("pul-", Hexadecimal), ("pscale_tkn_", Word), ("pscale_pw_", Word), ("pscale_oauth_", Word), ("sbp_", Hexadecimal),
    ("sb_secret_", Word), ("nfp_", Alphanumeric), ("fo1_", Word), ("HRKU-", Word), ("tskey-", Word),
    // Monitoring: Grafana, Sentry, New Relic, PostHog
    ("glc_", Alphanumeric), ("glsa_", Alphanumeric), ("sntrys_", Word), ("sntryu_", Hexadecimal), ("NRAK-", Alphanumeric), ("phx_", Alphanumeric),
    // Linear, Notion, Figma, Atlassian, Postman, LangSmith, JFrog
    ("lin_api_", Alphanumeric), ("ntn_", Alphanumeric), ("figd_", Word), ("ATATT3", Word), ("ATBB", Alphanumeric), ("PMAK-", Word),
    ("lsv2_pt_", Word), ("lsv2_sk_", Word), ("AKCp", Alphanumeric),
    // Groq, Perplexity, xAI, Replicate, Tavily, Jina
    ("gsk_", Alphanumeric), ("pplx-", Alphanumeric), ("xai-", Alphanumeric), ("r8_", Alphanumeric), ("tvly-", Word), ("jina_", Alphanumeric),
    // age, Mailgun
    ("AGE-SECRET-KEY-1", Alphanumeric), ("key-", Hexadecimal),
];

/// Returns the ranges of the keys in a text, in order, without overlaps.
pub(super) fn keys(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (beginning, rest) in BEGINNINGS {
        for at in memchr::memmem::find_iter(bytes, beginning) {
            let after = &bytes[at + beginning.len()..];
            let is_key = after.len() >= SHORTEST
                && after[..SHORTEST].iter().all(|byte| rest.takes(*byte))
                && !(at > 0 && is_word(bytes[at - 1]));
            if is_key {
                found.push((at, at + beginning.len() + length(after)));
            }
        }
    }
    found.sort_unstable();
    let mut end = 0;
    found.retain(|&(from, to)| {
        let is_first = from >= end;
        if is_first {
            end = to;
        }
        is_first
    });
    found
}

/// Returns the length of the key. Some keys have several parts; a full stop ends a sentence.
fn length(after: &[u8]) -> usize {
    let goes_on = |byte: &u8| is_word(*byte) || b"-.+/=~".contains(byte);
    let taken = after.iter().take_while(|byte| goes_on(byte)).count();
    let stops = after[..taken]
        .iter()
        .rev()
        .take_while(|byte| **byte == b'.');
    taken - stops.count()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_each_provider_are_found_and_similar_words_are_not() {
        for (beginning, rest) in BEGINNINGS {
            let most = match rest {
                Alphanumeric => "aB3dE5fG7hJ9kL1mN0pQ",
                Hexadecimal => "0123456789abcdef0123",
                Word => "aB3-E5f_7hJ9kL1mN0pQ",
            };
            let text = format!("a {beginning}{most}. b");
            let end = text.len() - ". b".len();
            assert_eq!(keys(&text), [(2, end)], "{text}");
            let word = format!("a {beginning}word b and x{beginning}{most}");
            assert_eq!(keys(&word), [], "{word}");
        }
        for word in [
            "sk-learn and scikit-learn",
            "npm_config_registry_of_this_project",
            "task-0123456789abcdef0123",
            "hf_transfer is not installed",
            "pypi-server, key-value, xai-",
        ] {
            assert_eq!(keys(word), [], "{word}");
        }
    }

    #[test]
    fn a_key_in_a_key_is_one() {
        let text = "sk-ant-api03-0123456789abcdef,sk-proj-0123456789abcdef";
        assert_eq!(keys(text), [(0, 29), (30, 54)]);
    }
}
