//! Looking up keys in a view, and walking them in order.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::block::{Block, Cursor};
use super::error::DatabaseError;
use super::key::{self, ParsedKey};
use super::table::Table;
use super::view::View;

impl View {
    /// The value of one key, or `None` if there is no such key. For many keys, use one [`Getter`].
    pub(crate) fn get(&self, user_key: &[u8]) -> Result<Option<Vec<u8>>, DatabaseError> {
        Getter::new(self).get(user_key)
    }

    /// Walks the keys from `start` on, in order.
    pub(crate) fn scan(&self, start: &[u8]) -> Result<Scan<'_>, DatabaseError> {
        Scan::new(self, start)
    }

    /// Calls `visit` with every key that begins with `prefix`, in order, and its value.
    pub(crate) fn for_each_with_prefix<E: From<DatabaseError>>(
        &self,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut scan = self.scan(prefix)?;
        while let Some((key, value)) = scan.next()? {
            if !key.starts_with(prefix) {
                break;
            }
            visit(key, value)?;
        }
        Ok(())
    }
}

/// The answer of a table for a key.
enum Found {
    Nothing,
    Deletion,
    Value(Vec<u8>),
}

/// The number of blocks of a table that a [`Getter`] keeps: enough for keys of two or three kinds in turn, each in order.
const KEPT_BLOCKS: usize = 4;

/// Looks up many keys. Keeps the last blocks of each table: keys that come in order cost little.
pub(crate) struct Getter<'a> {
    view: &'a View,
    /// Group and table to the numbers of blocks and the blocks, the latest first.
    blocks: HashMap<(usize, usize), Vec<(usize, Block)>>,
    /// Kept for its buffer.
    cursor: Cursor,
}

impl<'a> Getter<'a> {
    pub(crate) fn new(view: &'a View) -> Self {
        Self { view, blocks: HashMap::new(), cursor: Cursor::default() }
    }

    /// The value of a key, or `None` if there is no such key.
    pub(crate) fn get(&mut self, user_key: &[u8]) -> Result<Option<Vec<u8>>, DatabaseError> {
        if let Some(entry) = self.view.memory.get(user_key) {
            return Ok(entry.value.map(<[u8]>::to_vec));
        }
        let target = key::seek_target(user_key);
        for (group, tables) in self.view.groups.iter().enumerate() {
            let number =
                tables.partition_point(|table| key::compare(&table.meta.largest, &target).is_lt());
            let Some(table) = tables.get(number).filter(|table| table.covers(user_key)) else {
                continue;
            };
            match self.get_in_table((group, number), table, user_key, &target)? {
                Found::Nothing => {}
                Found::Deletion => return Ok(None),
                Found::Value(value) => return Ok(Some(value)),
            }
        }
        Ok(None)
    }

    fn get_in_table(
        &mut self,
        place: (usize, usize),
        table: &Table,
        user_key: &[u8],
        target: &[u8],
    ) -> Result<Found, DatabaseError> {
        let Some(number) = table.block_for(target)? else { return Ok(Found::Nothing) };
        let kept = self.blocks.entry(place).or_default();
        match kept.iter().position(|(kept, _)| *kept == number) {
            Some(position) => {
                if let Some(recent) = kept.get_mut(..=position) {
                    recent.rotate_right(1);
                }
            }
            None => {
                let Some(block) = table.read_block(number)? else { return Ok(Found::Nothing) };
                kept.truncate(KEPT_BLOCKS - 1);
                kept.insert(0, (number, block));
            }
        }
        let Some((_, block)) = kept.first() else { return Ok(Found::Nothing) };
        let cursor = &mut self.cursor;
        if !cursor.seek(block, target).map_err(|what| table.corrupt(number, what))? {
            return Ok(Found::Nothing);
        }
        let parsed = parse(table, number, cursor.key())?;
        Ok(match (parsed.user_key == user_key, parsed.is_deletion) {
            (false, _) => Found::Nothing,
            (true, true) => Found::Deletion,
            (true, false) => Found::Value(block.value(cursor).to_vec()),
        })
    }
}

fn parse<'a>(
    table: &Table,
    block: usize,
    internal: &'a [u8],
) -> Result<ParsedKey<'a>, DatabaseError> {
    key::parse(internal).ok_or_else(|| table.corrupt(block, "a key without a sequence number"))
}

/// A key and its value.
pub(crate) type Entry<'a> = (&'a [u8], &'a [u8]);

/// Walks the keys of a view in order.
pub(crate) struct Scan<'a> {
    view: &'a View,
    memory_next: usize,
    tables: Vec<TableScan<'a>>,
    /// The source whose entry was given out last: it is advanced before the next one is chosen.
    given: Option<Source>,
    last_key: Vec<u8>,
    started: bool,
}

#[derive(Clone, Copy)]
enum Source {
    Memory,
    Table(usize),
}

impl<'a> Scan<'a> {
    fn new(view: &'a View, start: &[u8]) -> Result<Self, DatabaseError> {
        let tables = view
            .groups
            .iter()
            .map(|tables| TableScan::new(tables, start))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            view,
            memory_next: view.memory.position(start),
            tables,
            given: None,
            last_key: Vec::new(),
            started: false,
        })
    }

    /// The next key and its value, or `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<Entry<'_>>, DatabaseError> {
        loop {
            match self.given.take() {
                None => {}
                Some(Source::Memory) => self.memory_next += 1,
                Some(Source::Table(number)) => {
                    if let Some(scan) = self.tables.get_mut(number) {
                        scan.advance()?;
                    }
                }
            }
            let first = first(self.view, self.memory_next, &self.tables)?;
            let Some((source, head)) = first else { return Ok(None) };
            self.given = Some(source);
            if self.started {
                match head.user_key.cmp(&self.last_key) {
                    Ordering::Greater => {}
                    Ordering::Equal => continue, // an older version
                    Ordering::Less => return Err(self.out_of_order(source)),
                }
            }
            self.started = true;
            self.last_key.clear();
            self.last_key.extend_from_slice(head.user_key);
            if head.is_deletion {
                continue;
            }
            let value = match source {
                Source::Memory => {
                    self.view.memory.entry(self.memory_next).and_then(|entry| entry.value)
                }
                Source::Table(number) => self.tables.get(number).map(TableScan::value),
            };
            return Ok(Some((&self.last_key, value.unwrap_or_default())));
        }
    }

    fn out_of_order(&self, source: Source) -> DatabaseError {
        let what = "keys that are out of order";
        match source {
            Source::Table(number) => match self.tables.get(number).and_then(TableScan::table) {
                Some((table, block)) => table.corrupt(block, what),
                None => DatabaseError::corrupt(&self.view.directory, 0, what),
            },
            Source::Memory => DatabaseError::corrupt(&self.view.directory, 0, what),
        }
    }
}

/// The source with the first entry of all, and that entry.
fn first<'s>(
    view: &'s View,
    memory_next: usize,
    tables: &'s [TableScan<'_>],
) -> Result<Option<(Source, ParsedKey<'s>)>, DatabaseError> {
    let mut first = view.memory.entry(memory_next).map(|entry| {
        let is_deletion = entry.value.is_none();
        let head = ParsedKey { user_key: entry.key, sequence: entry.sequence, is_deletion };
        (Source::Memory, head)
    });
    for (number, scan) in tables.iter().enumerate() {
        let Some(head) = scan.head()? else { continue };
        let earlier = first.as_ref().is_none_or(|(_, best)| {
            head.user_key.cmp(best.user_key).then(best.sequence.cmp(&head.sequence)).is_lt()
        });
        if earlier {
            first = Some((Source::Table(number), head));
        }
    }
    Ok(first)
}

/// Walks the entries of tables that do not overlap.
struct TableScan<'a> {
    tables: &'a [Table],
    table: usize,
    block_number: usize,
    block: Option<Block>,
    cursor: Cursor,
}

impl<'a> TableScan<'a> {
    fn new(tables: &'a [Table], start: &[u8]) -> Result<Self, DatabaseError> {
        let target = key::seek_target(start);
        let table =
            tables.partition_point(|table| key::compare(&table.meta.largest, &target).is_lt());
        let mut scan =
            Self { tables, table, block_number: 0, block: None, cursor: Cursor::default() };
        let Some(first) = tables.get(table) else { return Ok(scan) };
        scan.block_number = match first.block_for(&target)? {
            Some(number) => number,
            None => first.block_count()?,
        };
        scan.block = first.read_block(scan.block_number)?;
        let found = match &scan.block {
            Some(block) => scan
                .cursor
                .seek(block, &target)
                .map_err(|what| first.corrupt(scan.block_number, what))?,
            None => false,
        };
        if !found {
            scan.next_block()?;
        }
        Ok(scan)
    }

    fn table(&self) -> Option<(&'a Table, usize)> {
        self.tables.get(self.table).map(|table| (table, self.block_number))
    }

    /// The entry that the scan is at.
    fn head(&self) -> Result<Option<ParsedKey<'_>>, DatabaseError> {
        match self.table() {
            Some((table, block)) => parse(table, block, self.cursor.key()).map(Some),
            None => Ok(None),
        }
    }

    fn value(&self) -> &[u8] {
        self.block.as_ref().map(|block| block.value(&self.cursor)).unwrap_or_default()
    }

    fn advance(&mut self) -> Result<(), DatabaseError> {
        let (Some((table, number)), Some(block)) = (self.table(), &self.block) else {
            return Ok(());
        };
        if self.cursor.advance(block).map_err(|what| table.corrupt(number, what))? {
            return Ok(());
        }
        self.next_block()
    }

    /// Goes to the first entry of the next block that has one.
    fn next_block(&mut self) -> Result<(), DatabaseError> {
        self.block_number += 1;
        while let Some((table, number)) = self.table() {
            match table.read_block(number)? {
                Some(block) => {
                    self.cursor = Cursor::default();
                    let found =
                        self.cursor.advance(&block).map_err(|what| table.corrupt(number, what))?;
                    self.block = Some(block);
                    if found {
                        return Ok(());
                    }
                    self.block_number += 1;
                }
                None => {
                    self.table += 1;
                    self.block_number = 0;
                }
            }
        }
        self.block = None;
        Ok(())
    }
}
