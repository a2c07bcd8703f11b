//! Recipes to inputs and back, for `make fuzz`:
//!
//! ```text
//! seeds FROM TO     each recipe in the directory FROM becomes an input in the directory TO
//! seeds INPUT       the recipe of an input, for the corpus
//! ```

use memcached_fuzz::recipe;
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match &args[..] {
        [input] => print!("{}", recipe::write(&std::fs::read(input)?)),
        [from, to] => {
            std::fs::create_dir_all(to)?;
            for entry in std::fs::read_dir(from)? {
                let path = entry?.path();
                let input = recipe::read(&std::fs::read_to_string(&path)?)?;
                std::fs::write(Path::new(to).join(path.file_name().unwrap_or_default()), input)?;
            }
        }
        _ => return Err("usage: seeds FROM TO, or seeds INPUT".into()),
    }
    Ok(())
}
