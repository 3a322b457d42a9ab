//! Columns: the transposed form of records inside a segment.
//!
//! A batch of rows is written field by field, not row by row: all marks, then all makes, then all colours. Like stands
//! beside like, which is what zstd is good at. A struct's columns are those of its fields in order; an optional field
//! has a column of presence before that of its values, a list a column of lengths before that of its items.
//!
//! Integers are LEB128 varints, none of them signed; a string column is all lengths, then all bytes. A decoder allocates
//! for a count only what as many items as bytes are left would take.
//!
//! A patch sets some fields of a record: [`patchable`] gives a struct's columns the means to hold, for each field, only
//! the values of those rows whose mask names it.

use crate::WireError;

/// A cursor over bytes.
#[derive(Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `n` bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub(crate) fn bytes(&mut self, n: usize) -> Result<&'a [u8], WireError> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(WireError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    /// The next varint.
    ///
    /// # Errors
    /// [`WireError::Truncated`], or [`WireError::Malformed`] if it is more than a `u64` holds.
    pub(crate) fn varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let b = self.bytes(1)?[0];
            if shift == 63 && b > 1 {
                break;
            }
            value |= u64::from(b & 0x7f) << shift;
            if b & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WireError::Malformed("varint"))
    }

    fn checked_count(&self, n: u64) -> Result<usize, WireError> {
        // Every item costs at least one byte in some column still to come.
        if n > self.0.len() as u64 { Err(WireError::Truncated) } else { Ok(n as usize) }
    }
}

/// Writes a varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

/// A column being filled, or being emptied from the front.
pub(crate) trait Column: Default {
    /// What one row has in it.
    type Item;
    /// Appends a row's value.
    fn push(&mut self, item: &Self::Item);
    /// Writes the column.
    fn encode(&self, out: &mut Vec<u8>);
    /// Reads a column of `n` values.
    ///
    /// # Errors
    /// Any [`WireError`].
    fn decode(from: &mut Reader<'_>, n: usize) -> Result<Self, WireError>;
    /// Takes the next value.
    ///
    /// # Errors
    /// [`WireError::Malformed`].
    fn take(&mut self) -> Result<Self::Item, WireError>;
}

/// A type that has a column.
pub(crate) trait Columnar: Sized {
    /// Its column.
    type Col: Column<Item = Self>;
}

/// Values with a front that moves.
#[derive(Debug)]
pub(crate) struct Values<T> {
    values: Vec<T>,
    next: usize,
}

impl<T> Default for Values<T> {
    fn default() -> Self {
        Self { values: Vec::new(), next: 0 }
    }
}

impl<T: Copy> Values<T> {
    fn pop(&mut self) -> Result<T, WireError> {
        let v = self.values.get(self.next).copied().ok_or(WireError::Malformed("column"))?;
        self.next += 1;
        Ok(v)
    }
}

/// Unsigned integers as varints.
#[derive(Debug, Default)]
pub(crate) struct UintCol(Values<u64>);

impl UintCol {
    fn push_u64(&mut self, v: u64) {
        self.0.values.push(v);
    }
    fn encode_into(&self, out: &mut Vec<u8>) {
        for v in &self.0.values {
            put_varint(out, *v);
        }
    }
    fn decode_from(from: &mut Reader<'_>, n: usize) -> Result<Self, WireError> {
        let n = from.checked_count(n as u64)?;
        let mut values = Vec::with_capacity(n);
        for _ in 0..n {
            values.push(from.varint()?);
        }
        Ok(Self(Values { values, next: 0 }))
    }
}

/// Declares the column of an unsigned integer type.
macro_rules! uint {
    ($($t:ty => $name:ident),*) => {$(
        #[doc = concat!("Column of `", stringify!($t), "`.")]
        #[derive(Debug, Default)]
        pub(crate) struct $name(UintCol);
        impl Column for $name {
            type Item = $t;
            fn push(&mut self, item: &$t) { self.0.push_u64(u64::from(*item)); }
            fn encode(&self, out: &mut Vec<u8>) { self.0.encode_into(out); }
            fn decode(from: &mut Reader<'_>, n: usize) -> Result<Self, WireError> {
                UintCol::decode_from(from, n).map(Self)
            }
            fn take(&mut self) -> Result<$t, WireError> {
                <$t>::try_from(self.0.0.pop()?).map_err(|_| WireError::OverLimit("integer"))
            }
        }
        impl Columnar for $t { type Col = $name; }
    )*};
}
uint!(u8 => U8Col, u16 => U16Col, u32 => U32Col, u64 => U64Col);

/// Strings: all lengths, then all bytes.
#[derive(Debug, Default)]
pub(crate) struct StrCol {
    lengths: UintCol,
    text: Vec<u8>,
    at: usize,
}

impl Column for StrCol {
    type Item = String;
    fn push(&mut self, item: &String) {
        self.lengths.push_u64(item.len() as u64);
        self.text.extend_from_slice(item.as_bytes());
    }
    fn encode(&self, out: &mut Vec<u8>) {
        self.lengths.encode_into(out);
        out.extend_from_slice(&self.text);
    }
    fn decode(from: &mut Reader<'_>, n: usize) -> Result<Self, WireError> {
        let lengths = UintCol::decode_from(from, n)?;
        let mut total = 0_u64;
        for l in &lengths.0.values {
            total = total.checked_add(*l).ok_or(WireError::Truncated)?;
        }
        let total = from.checked_count(total)?;
        Ok(Self { lengths, text: from.bytes(total)?.to_vec(), at: 0 })
    }
    fn take(&mut self) -> Result<String, WireError> {
        let end = self.at + self.lengths.0.pop()? as usize;
        let bytes = self.text.get(self.at..end).ok_or(WireError::Truncated)?;
        self.at = end;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| WireError::Malformed("text"))
    }
}
impl Columnar for String {
    type Col = StrCol;
}

/// Fixed arrays of 16 bytes (record ids).
#[derive(Debug, Default)]
pub(crate) struct IdCol(Values<[u8; 16]>);

impl Column for IdCol {
    type Item = [u8; 16];
    fn push(&mut self, item: &[u8; 16]) {
        self.0.values.push(*item);
    }
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.values.iter().for_each(|v| out.extend_from_slice(v));
    }
    fn decode(from: &mut Reader<'_>, n: usize) -> Result<Self, WireError> {
        let bytes = from.bytes(n.checked_mul(16).ok_or(WireError::Truncated)?)?;
        let values = bytes.chunks_exact(16).map(|c| {
            let mut id = [0; 16];
            id.copy_from_slice(c);
            id
        });
        Ok(Self(Values { values: values.collect(), next: 0 }))
    }
    fn take(&mut self) -> Result<[u8; 16], WireError> {
        self.0.pop()
    }
}
impl Columnar for [u8; 16] {
    type Col = IdCol;
}

/// An optional value: a column of presence, then one of the values that are there.
#[derive(Debug, Default)]
pub(crate) struct OptCol<C> {
    present: Values<u8>,
    some: C,
}

impl<C: Column> Column for OptCol<C> {
    type Item = Option<C::Item>;
    fn push(&mut self, item: &Self::Item) {
        self.present.values.push(u8::from(item.is_some()));
        if let Some(v) = item {
            self.some.push(v);
        }
    }
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.present.values);
        self.some.encode(out);
    }
    fn decode(from: &mut Reader<'_>, n: usize) -> Result<Self, WireError> {
        let values = from.bytes(n)?.to_vec();
        let there = values.iter().filter(|b| **b != 0).count();
        Ok(Self { present: Values { values, next: 0 }, some: C::decode(from, there)? })
    }
    fn take(&mut self) -> Result<Self::Item, WireError> {
        if self.present.pop()? == 0 { Ok(None) } else { self.some.take().map(Some) }
    }
}
impl<T: Columnar> Columnar for Option<T> {
    type Col = OptCol<T::Col>;
}

/// A list: a column of lengths, then one of all items.
#[derive(Debug, Default)]
pub(crate) struct ListCol<C> {
    lengths: UintCol,
    items: C,
}

impl<C: Column> Column for ListCol<C> {
    type Item = Vec<C::Item>;
    fn push(&mut self, item: &Self::Item) {
        self.lengths.push_u64(item.len() as u64);
        item.iter().for_each(|i| self.items.push(i));
    }
    fn encode(&self, out: &mut Vec<u8>) {
        self.lengths.encode_into(out);
        self.items.encode(out);
    }
    fn decode(from: &mut Reader<'_>, n: usize) -> Result<Self, WireError> {
        let lengths = UintCol::decode_from(from, n)?;
        let mut total = 0_u64;
        for l in &lengths.0.values {
            total = total.checked_add(*l).ok_or(WireError::Truncated)?;
        }
        let total = from.checked_count(total)?;
        Ok(Self { lengths, items: C::decode(from, total)? })
    }
    fn take(&mut self) -> Result<Self::Item, WireError> {
        let n = self.lengths.0.pop()?;
        (0..n).map(|_| self.items.take()).collect()
    }
}
impl<T: Columnar> Columnar for Vec<T> {
    type Col = ListCol<T::Col>;
}

/// Declares the columns of a struct: `columnar!(Vehicle, VehicleCols { vrm: Option<String>, year: u16 });`
macro_rules! columnar {
    ($t:ty, $name:ident { $($field:ident : $ft:ty),* $(,)? }) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name { $($field: <$ft as $crate::columns::Columnar>::Col,)* }
        impl $crate::columns::Column for $name {
            type Item = $t;
            fn push(&mut self, item: &$t) { $($crate::columns::Column::push(&mut self.$field, &item.$field);)* }
            fn encode(&self, out: &mut Vec<u8>) { $($crate::columns::Column::encode(&self.$field, out);)* }
            fn decode(from: &mut $crate::columns::Reader<'_>, n: usize) -> Result<Self, $crate::WireError> {
                Ok(Self { $($field: $crate::columns::Column::decode(from, n)?,)* })
            }
            fn take(&mut self) -> Result<$t, $crate::WireError> {
                Ok(Self::Item { $($field: $crate::columns::Column::take(&mut self.$field)?,)* })
            }
        }
        impl $crate::columns::Columnar for $t { type Col = $name; }
    };
}
pub(crate) use columnar;

/// Adds to columns what patches need: `patchable!(Vehicle, VehicleCols { vrm, make });` numbers the fields from bit 0.
///
/// A mask says which fields a patch sets; only their values are pushed, and `masks` of the whole column say how many
/// there are of each.
macro_rules! patchable {
    ($t:ty, $name:ident { $($field:ident),* $(,)? }) => {
        impl $name {
            /// How many fields there are.
            pub(crate) const FIELDS: u32 = [$(stringify!($field)),*].len() as u32;

            /// The fields in which two differ.
            pub(crate) fn diff(a: &$t, b: &$t) -> u64 {
                let (mut mask, mut bit) = (0, 1);
                $( if a.$field != b.$field { mask |= bit; } bit <<= 1; )*
                let _ = bit;
                mask
            }

            /// Sets the fields of `mask` as they are in `from`.
            pub(crate) fn set(into: &mut $t, from: &$t, mask: u64) {
                let mut bit = 1;
                $( if mask & bit != 0 { into.$field.clone_from(&from.$field); } bit <<= 1; )*
                let _ = bit;
            }

            /// Appends the values of the fields of `mask`.
            pub(crate) fn push_some(&mut self, item: &$t, mask: u64) {
                let mut bit = 1;
                $( if mask & bit != 0 { $crate::columns::Column::push(&mut self.$field, &item.$field); } bit <<= 1; )*
                let _ = bit;
            }

            /// Reads columns of which each holds as many values as `masks` say.
            #[allow(unused_assignments)] // the bit after the last field
            pub(crate) fn decode_some(
                from: &mut $crate::columns::Reader<'_>, masks: &[u64], shift: u32,
            ) -> Result<Self, $crate::WireError> {
                let mut bit = 1 << shift;
                Ok(Self { $($field: {
                    let n = masks.iter().filter(|m| *m & bit != 0).count();
                    bit <<= 1;
                    $crate::columns::Column::decode(from, n)?
                },)* })
            }

            /// Takes the next values of the fields of `mask` into `into`.
            pub(crate) fn take_some(&mut self, into: &mut $t, mask: u64) -> Result<(), $crate::WireError> {
                let mut bit = 1;
                $( if mask & bit != 0 { into.$field = $crate::columns::Column::take(&mut self.$field)?; } bit <<= 1; )*
                let _ = bit;
                Ok(())
            }
        }
    };
}
pub(crate) use patchable;
