//! Short names and checksums that are stable across versions of the program.

/// Returns the 64-bit FNV-1a hash of the parts, with a separator between them. Distinguishes files
/// and folders and detects accidents, not attacks.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mix = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(PRIME);
    parts
        .iter()
        .enumerate()
        .fold(OFFSET, |sum, (position, part)| {
            let sum = if position == 0 { sum } else { mix(sum, 0) };
            part.iter().fold(sum, |sum, byte| mix(sum, *byte))
        })
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn it_is_the_published_function() {
        assert_eq!(fingerprint(&[b""]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(&[b"foobar"]), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn the_boundaries_of_the_parts_matter() {
        assert_ne!(fingerprint(&[b"ab", b"c"]), fingerprint(&[b"a", b"bc"]));
    }
}
