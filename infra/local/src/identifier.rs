//! Ids of local events and requests.

/// A random id in the form of a UUID of version 4, as EventBridge's are.
pub(crate) fn random() -> String {
    let mut bytes = [0_u8; 16];
    if let Err(error) = getrandom::fill(&mut bytes) {
        // Ids of local events only tell events apart in a list.
        tracing::warn!(%error, "no random bytes for an id");
    }
    let value = u128::from_be_bytes(bytes);
    // The version's four bits and the variant's two.
    let value = (value & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{value:032x}");
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default().to_owned();
    [
        part(0..8),
        part(8..12),
        part(12..16),
        part(16..20),
        part(20..32),
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_of_version_4_and_differ() {
        let id = super::random();
        assert_ne!(id, super::random());
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}");
    }
}
