//! Messages like those of a chat, of a market feed, in Chinese, out of this repository's files, and some that are nobody's.

use std::path::Path;
use std::sync::LazyLock;

use crate::rng::Rng;

const WORDS: &str = "the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which \
one you were all her she there would their we him been has when who will no more if out so up said what its about than into them can \
only other time new some could these two may first then do any like my now over such our man me even most made after also did many off \
before must well back through years much where your way down should because long each just state people those too mr how little good \
world make very year still see own work men day get here old between both life being under three never know same last another while us \
might great go come since against right came take used himself few house american use place during high without again home around \
small however found mrs part school thought went say general once upon war every left fact though united less public put think almost \
hand enough far took head yet government system set better told nothing night end why called eyes find going look asked later";

const CJK: &str = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳云腾致雨露结为霜金生丽水玉出昆冈剑号巨阙珠称夜光果珍李柰菜重芥姜\
海咸河淡鳞潜羽翔龙师火帝鸟官人皇始制文字乃服衣裳推位让国有虞陶唐吊民伐罪周发殷汤坐朝问道垂拱平章爱育黎首臣伏戎羌遐迩一体率宾归王";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Chat,
    Tick,
    Cjk,
    /// Prose and source code: the files of this repository.
    Files,
    Noise,
    Runs,
    Mixed,
}

pub const TEXTS: [Kind; 3] = [Kind::Chat, Kind::Tick, Kind::Cjk];
pub const ALL: [Kind; 7] =
    [Kind::Chat, Kind::Tick, Kind::Cjk, Kind::Files, Kind::Noise, Kind::Runs, Kind::Mixed];

static FILES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    fn gather(path: &Path, out: &mut Vec<u8>) {
        if path.is_dir() {
            let mut entries: Vec<_> =
                path.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
            entries.sort();
            entries.iter().for_each(|path| gather(path, out));
        } else {
            out.extend(std::fs::read(path).unwrap());
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut out = Vec::new();
    for name in ["README.md", "DESIGN.md", "src", "examples"] {
        gather(&root.join(name), &mut out);
    }
    out
});

/// A message of exactly `len` bytes.
pub fn message(kind: Kind, len: usize, rng: &mut Rng) -> Vec<u8> {
    let mut out = Vec::with_capacity(len + 300);
    while out.len() < len {
        record(kind, rng, &mut out);
    }
    out.truncate(len);
    out
}

fn record(kind: Kind, rng: &mut Rng, out: &mut Vec<u8>) {
    match kind {
        Kind::Chat => {
            let words: Vec<&str> = WORDS.split(' ').collect();
            let text: Vec<&str> = (0..rng.below(30) + 4)
                .map(|_| words[rng.below(words.len()).min(rng.below(words.len()))])
                .collect();
            out.extend_from_slice(
                format!(
                    "{{\"type\":\"message\",\"id\":{},\"channel\":\"C{:05}\",\"user\":\"U{:04}\",\"ts\":\"17{:08}.{:06}\",\"text\":\"{}\"}}",
                    rng.below(1 << 30), rng.below(12), rng.below(60), rng.below(100_000_000), rng.below(1_000_000), text.join(" ")
                )
                .as_bytes(),
            );
        }
        Kind::Tick => {
            let symbol = ["BTC-USD", "ETH-USD", "SOL-USD", "EUR-USD"][rng.below(4)];
            let side = ["buy", "sell"][rng.below(2)];
            out.extend_from_slice(
                format!(
                    "{{\"e\":\"trade\",\"s\":\"{symbol}\",\"p\":\"{}.{:02}\",\"q\":\"0.{:05}\",\"T\":17{:011},\"m\":\"{side}\"}}",
                    60_000 + rng.below(500), rng.below(100), rng.below(100_000), rng.below(1_000_000_000)
                )
                .as_bytes(),
            );
        }
        Kind::Cjk => {
            let all: Vec<char> = CJK.chars().collect();
            for _ in 0..rng.below(8) + 1 {
                let at = rng.below(all.len() - 8);
                out.extend(all[at..at + 1 + rng.below(8)].iter().collect::<String>().bytes());
            }
            out.extend("，".bytes());
        }
        Kind::Files => {
            let start = rng.below(FILES.len());
            let end = FILES.len().min(start + rng.length(20_000));
            out.extend_from_slice(&FILES[start..end]);
        }
        Kind::Noise => out.extend(rng.bytes(64)),
        Kind::Runs => {
            let unit = {
                let n = 1 + rng.below(9);
                rng.bytes(n)
            };
            for _ in 0..rng.below(600) + 1 {
                out.extend_from_slice(&unit);
            }
        }
        Kind::Mixed => {
            let kind = ALL[rng.below(ALL.len() - 1)];
            let n = rng.length(3000);
            out.extend(message(kind, n, rng));
        }
    }
}
