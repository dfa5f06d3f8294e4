//! Reads tensors from safetensors files, one at a time, so that a file is never in memory as a whole.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use half::slice::HalfFloatSliceExt;
use serde::Deserialize;

use crate::error::LoadError;
use crate::simd::from_bf16;

/// The file that holds all weights, or says which files do.
pub const WEIGHTS: &str = "model.safetensors";

/// The file that says which weights are in which file, where there are several.
pub const INDEX: &str = "model.safetensors.index.json";

/// The longest header that the format allows.
const LONGEST_HEADER: u64 = 100_000_000;

/// All tensors of a model, by name.
#[derive(Debug)]
pub(crate) struct Tensors {
    entries: HashMap<String, Entry>,
    sources: Vec<Source>,
}

/// Location of a tensor.
#[derive(Debug, Clone)]
struct Entry {
    source: usize,
    dtype: String,
    shape: Vec<usize>,
    /// From the start of the file.
    start: u64,
    bytes: usize,
}

/// Source of the tensors.
#[derive(Debug)]
enum Source {
    Static(&'static [u8]),
    File { file: File, path: PathBuf },
}

/// A tensor of floats, as it is stored.
#[derive(Debug)]
pub(crate) struct Tensor {
    dtype: FloatType,
    bytes: Cow<'static, [u8]>,
}

/// The types of float that weights may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FloatType {
    F32,
    F16,
    Bf16,
}

/// Entry of the header for one tensor.
#[derive(Debug, Deserialize)]
struct HeaderEntry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// Index of several weight files, without the fields that are not used.
#[derive(Debug, Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Tensors {
    /// Tensors of a file in memory; errors name it `path`.
    ///
    /// # Errors
    /// [`LoadError::Malformed`].
    pub(crate) fn from_static(bytes: &'static [u8], path: &Path) -> Result<Self, LoadError> {
        let mut tensors = Self::none();
        tensors.add(Source::Static(bytes), path)?;
        Ok(tensors)
    }

    /// Tensors in `folder`, in one file or in the files that its index names.
    ///
    /// # Errors
    /// [`LoadError::Read`], [`LoadError::Json`] and [`LoadError::Malformed`].
    pub(crate) fn open(folder: &Path) -> Result<Self, LoadError> {
        let mut tensors = Self::none();
        for path in weight_files(folder)? {
            let file = File::open(&path).map_err(|source| LoadError::Read {
                path: path.clone(),
                source,
            })?;
            let source = Source::File {
                file,
                path: path.clone(),
            };
            tensors.add(source, &path)?;
        }
        Ok(tensors)
    }

    /// `true` if there is a tensor of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The tensor `name`, which should have `shape`.
    ///
    /// # Errors
    /// [`LoadError::MissingTensor`], [`LoadError::Shape`], [`LoadError::Dtype`], [`LoadError::Read`], and
    /// [`LoadError::NotFinite`].
    pub(crate) fn read(&self, name: &str, shape: &[usize]) -> Result<Tensor, LoadError> {
        let entry = self
            .entries
            .get(name)
            .ok_or_else(|| LoadError::MissingTensor {
                name: name.to_owned(),
            })?;
        if entry.shape != shape {
            return Err(LoadError::Shape {
                name: name.to_owned(),
                found: entry.shape.clone(),
                expected: shape.to_owned(),
            });
        }
        let dtype = FloatType::parse(&entry.dtype).ok_or_else(|| LoadError::Dtype {
            name: name.to_owned(),
            dtype: entry.dtype.clone(),
        })?;
        let bytes = self.sources[entry.source].read(entry.start, entry.bytes)?;
        let tensor = Tensor { dtype, bytes };
        if !tensor.is_finite() {
            return Err(LoadError::NotFinite {
                name: name.to_owned(),
            });
        }
        Ok(tensor)
    }

    fn none() -> Self {
        Self {
            entries: HashMap::new(),
            sources: Vec::new(),
        }
    }

    fn add(&mut self, source: Source, path: &Path) -> Result<(), LoadError> {
        let malformed = |why: String| LoadError::Malformed {
            path: path.to_owned(),
            why,
        };
        let length = source.length()?;
        if length < 8 {
            return Err(malformed(format!("it has {length} bytes")));
        }
        let mut size = [0; 8];
        size.copy_from_slice(&source.read(0, 8)?);
        let size = u64::from_le_bytes(size);
        if size > LONGEST_HEADER.min(length - 8) {
            return Err(malformed(format!(
                "a header of {size} bytes in a file of {length}"
            )));
        }
        let size = usize::try_from(size).map_err(|error| malformed(error.to_string()))?;
        let header = source.read(8, size)?;
        let header: HashMap<String, serde_json::Value> =
            serde_json::from_slice(&header).map_err(|error| malformed(error.to_string()))?;
        let data = 8 + size as u64;
        for (name, value) in header {
            if name == "__metadata__" {
                continue;
            }
            let found: HeaderEntry = serde_json::from_value(value)
                .map_err(|error| malformed(format!("`{name}`: {error}")))?;
            let entry = found
                .place(self.sources.len(), data, length)
                .ok_or_else(|| malformed(format!("`{name}` does not fit into it")))?;
            self.entries.insert(name, entry);
        }
        self.sources.push(source);
        Ok(())
    }
}

impl HeaderEntry {
    /// Byte range of the tensor in a file of `length` bytes; `None` if it is outside.
    fn place(self, source: usize, data: u64, length: u64) -> Option<Entry> {
        let (start, end) = self.data_offsets;
        let bytes = end.checked_sub(start)?;
        let count = self
            .shape
            .iter()
            .try_fold(1_usize, |product, size| product.checked_mul(*size))?;
        if data.checked_add(end)? > length {
            return None;
        }
        // Types that are not floats are refused when they are asked for.
        if let Some(dtype) = FloatType::parse(&self.dtype)
            && bytes != (count as u64).checked_mul(dtype.bytes() as u64)?
        {
            return None;
        }
        Some(Entry {
            source,
            dtype: self.dtype,
            shape: self.shape,
            start: data + start,
            bytes: usize::try_from(bytes).ok()?,
        })
    }
}

impl Source {
    fn length(&self) -> Result<u64, LoadError> {
        match self {
            Self::Static(bytes) => Ok(bytes.len() as u64),
            Self::File { file, path } => {
                let metadata = file.metadata().map_err(|source| LoadError::Read {
                    path: path.clone(),
                    source,
                })?;
                Ok(metadata.len())
            }
        }
    }

    /// Bytes that were found to be inside.
    fn read(&self, start: u64, count: usize) -> Result<Cow<'static, [u8]>, LoadError> {
        match self {
            Self::Static(bytes) => {
                let start = usize::try_from(start).unwrap_or(usize::MAX);
                Ok(Cow::Borrowed(&bytes[start..start + count]))
            }
            Self::File { file, path } => {
                let mut bytes = vec![0; count];
                let mut file = file;
                file.seek(SeekFrom::Start(start))
                    .and_then(|_| file.read_exact(&mut bytes))
                    .map_err(|source| LoadError::Read {
                        path: path.clone(),
                        source,
                    })?;
                Ok(Cow::Owned(bytes))
            }
        }
    }
}

impl Tensor {
    /// Widens as many numbers as `to` has room for, from the number `start` on.
    pub(crate) fn widen(&self, start: usize, to: &mut [f32]) {
        let size = self.dtype.bytes();
        let bytes = &self.bytes[start * size..(start + to.len()) * size];
        match self.dtype {
            FloatType::F32 => {
                for (to, bytes) in to.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *to = f32::from_le_bytes(*bytes);
                }
            }
            FloatType::Bf16 => {
                for (to, bytes) in to.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *to = from_bf16(u16::from_le_bytes(*bytes));
                }
            }
            FloatType::F16 => {
                const PIECE: usize = 64;
                let mut piece = [half::f16::ZERO; PIECE];
                for (to, bytes) in to.chunks_mut(PIECE).zip(bytes.chunks(2 * PIECE)) {
                    let piece = &mut piece[..to.len()];
                    for (half, bytes) in piece.iter_mut().zip(bytes.as_chunks::<2>().0) {
                        *half = half::f16::from_le_bytes(*bytes);
                    }
                    piece.convert_to_f32_slice(to);
                }
            }
        }
    }

    /// All numbers.
    pub(crate) fn to_vec(&self) -> Vec<f32> {
        let mut numbers = vec![0.0; self.bytes.len() / self.dtype.bytes()];
        self.widen(0, &mut numbers);
        numbers
    }

    /// No exponent has all bits set.
    fn is_finite(&self) -> bool {
        let halves = |exponent: u16| {
            let numbers = self.bytes.as_chunks::<2>().0.iter();
            numbers.fold(true, |finite, bytes| {
                finite & (u16::from_le_bytes(*bytes) & exponent != exponent)
            })
        };
        match self.dtype {
            FloatType::F32 => {
                let numbers = self.bytes.as_chunks::<4>().0.iter();
                numbers.fold(true, |finite, bytes| {
                    finite & f32::from_le_bytes(*bytes).is_finite()
                })
            }
            FloatType::F16 => halves(0x7c00),
            FloatType::Bf16 => halves(0x7f80),
        }
    }
}

impl FloatType {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "F32" => Some(Self::F32),
            "F16" => Some(Self::F16),
            "BF16" => Some(Self::Bf16),
            _ => None,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}

/// The files in `folder` that hold weights, in the order of their names.
///
/// # Errors
/// [`LoadError::Read`], [`LoadError::Json`], and [`LoadError::Malformed`] for an index that names files elsewhere.
pub fn weight_files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let path = folder.join(INDEX);
    if folder.join(WEIGHTS).exists() || !path.exists() {
        return Ok(vec![folder.join(WEIGHTS)]);
    }
    let json = std::fs::read(&path).map_err(|source| LoadError::Read {
        path: path.clone(),
        source,
    })?;
    let index: Index = serde_json::from_slice(&json).map_err(|source| LoadError::Json {
        path: path.clone(),
        source,
    })?;
    let mut names: Vec<String> = index.weight_map.into_values().collect();
    names.sort_unstable();
    names.dedup();
    if let Some(name) = names.iter().find(|name| name.contains(['/', '\\'])) {
        return Err(LoadError::Malformed {
            path,
            why: format!("it names `{name}`, which is not in the folder"),
        });
    }
    names.iter().map(|name| Ok(folder.join(name))).collect()
}
