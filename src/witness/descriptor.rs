//! What a line of QEMU's trace says that a card read: the transmit descriptors of e1000e and igb.

/// The trace event that prints each transmit descriptor of e1000e, and of igb too.
pub(crate) const EVENT: &str = "e1000e_tx_descr";

/// Bit of an extended descriptor, in the lower half of its second word.
const EXTENDED: u64 = 1 << 29;

/// A piece of memory that a card read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// The guest-physical address that the card reads from.
    pub address: u64,
    /// How long it is.
    pub bytes: u64,
}

/// A transmit descriptor's line: what the card read by it, or nothing where it only describes the packet.
/// `None` for any other line.
///
/// A line is `e1000e_tx_descr 0xADDRESS : LOWER UPPER`, all hexadecimal, with or without the time before it.
pub(crate) fn parse(line: &str) -> Option<Option<Read>> {
    let (_, words) = line.split_once(EVENT)?;
    let mut words = words.split_whitespace();
    let number = |word: &str| u64::from_str_radix(word.strip_prefix("0x").unwrap_or(word), 16).ok();
    // glibc writes a null pointer so.
    let address = words.next().and_then(|word| if word == "(nil)" { Some(0) } else { number(word) })?;
    let lower = words.nth(1).and_then(number)?;
    let bytes = match (lower & EXTENDED != 0, lower >> 20 & 0xf) {
        // A legacy descriptor.
        (false, _) => lower & 0xffff,
        // e1000e's data: 20 bits of length (82574 datasheet, 7.2.10.2).
        (true, 1) => lower & 0xf_ffff,
        // igb's data: 16 bits (82576 datasheet, 7.2.2.3).
        (true, 3) => lower & 0xffff,
        // Contexts: where the headers end, how large the segments are.
        (true, _) => 0,
    };
    Some((bytes > 0).then_some(Read { address, bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_read_and_contexts_are_not() {
        let read = |address, bytes| Some(Some(Read { address, bytes }));
        assert_eq!(parse("e1000e_tx_descr 0x6f42402 : 26100042 300"), read(0x06f4_2402, 0x42));
        assert_eq!(parse("e1000e_tx_descr 0x4a81000 : 27102000 300"), read(0x04a8_1000, 0x2000));
        assert_eq!(parse("e1000e_tx_descr 0x1000 : 2710ffff 0"), read(0x1000, 0xffff));
        assert_eq!(parse("e1000e_tx_descr 0x7d0000322214 : 2700fb50 5b43600"), Some(None), "a context");
        assert_eq!(parse("e1000e_tx_descr 0x5dc002 : 8b00005a 0"), read(0x005d_c002, 0x5a), "legacy");
        assert_eq!(parse("71@1700000000.123456:e1000e_tx_descr 0x2000 : 26100010 0"), read(0x2000, 0x10));
        assert_eq!(parse("e1000e_tx_descr (nil) : 26100010 0"), read(0, 0x10));
    }

    #[test]
    fn the_descriptors_of_igb_have_other_types() {
        let read = |address, bytes| Some(Some(Read { address, bytes }));
        assert_eq!(parse("e1000e_tx_descr 0x5000 : 2b301000 0"), read(0x5000, 0x1000));
        assert_eq!(parse("e1000e_tx_descr 0x5000 : 20200800 0"), Some(None), "a context");
    }

    #[test]
    fn other_lines_are_none() {
        for line in ["", "qemu-system-x86_64: warning", "e1000e_tx_descr", "e1000e_tx_descr 0xzz : 1 2"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
