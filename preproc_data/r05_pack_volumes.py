"""Pack a subset's volumes into one file, which is read from then on in place of one file a volume.

    python preproc_data/r05_pack_volumes.py                  # train and test, those that were extracted
    python preproc_data/r05_pack_volumes.py train
    python preproc_data/r05_pack_volumes.py train --force    # anew, where the file is damaged

Reads:  modified_data/roi_parts/{train,test}.csv, modified_data/roi_parts/{train,test}/
Writes: modified_data/roi_parts/{train,test}.lmdb (LMDB; under another name until all is in it)
Time:   as long as reading and writing take: 10 s for 2,000 volumes of 0.5 MB
Expect: as many volumes as r01 has extracted, each compared with its sha256. The same command goes on after an
        interruption, and brings the file up to date after r01 was run again. The volumes' own files may then go, but
        r01 would make them again
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.console.ending import command, ending
from stagewise.files import paths
from stagewise.files.locks import owned
from stagewise.messages.commands import EXTRACT
from stagewise.messages.errors import InputError


def main() -> None:
    """Pack what the command line asks for and is not packed yet."""
    parser = cli.parser(__doc__, "force", "dry-run")
    parser.add_argument("subset", nargs="?", choices=paths.SUBSETS, help="only these volumes (default: both)")
    arguments = parser.parse_args()
    from stagewise.data.tables import read_roi_index

    there = [subset for subset in paths.SUBSETS if paths.roi_index(subset).exists()]
    subsets = [arguments.subset] if arguments.subset else there
    if not subsets:
        raise InputError(f"there is no {paths.shown(paths.roi_index('train'))}; run: {EXTRACT}")
    written, indexes = [], {subset: read_roi_index(paths.roi_index(subset)) for subset in subsets}
    for subset, index in indexes.items():
        target, volumes = paths.packed_volumes(paths.roi_folder(subset)), sum(index["status"] == "ok")
        if not arguments.force and is_packed(subset):
            print(f"{subset}: {paths.shown(target)} has all {volumes} volumes; anew: --force")
        elif arguments.dry_run:
            print(f"{subset}: would pack {volumes} volumes into {paths.shown(target)}")
        else:
            pack(subset, arguments.force)
            written.append(target)
    if not arguments.dry_run:
        print(ending(written, command("preproc_data/r02_verify_data.py", arguments)))


def is_packed(subset: str) -> bool:
    """Whether the packed volumes are those of the index, and no later packing was interrupted."""
    from stagewise.volumes.packed import current_pack
    from stagewise.volumes.packing import unfinished_pack

    try:
        return not unfinished_pack(paths.roi_folder(subset)).exists() and current_pack(subset) is not None
    except InputError as error:
        print(f"{subset}: {str(error).rpartition('; ')[0]}")
        return False


def pack(subset: str, force: bool) -> None:
    """Pack what the index has, while r01 does not write it."""
    from stagewise.data.tables import read_roi_index
    from stagewise.volumes import packing

    folder, index = paths.roi_folder(subset), paths.roi_index(subset)
    with owned(index.with_suffix(".lock"), f"the packing of {subset}"):
        if force:
            packing.unfinished_pack(folder).unlink(missing_ok=True)
        rows = read_roi_index(index).query("status == 'ok'")
        wanted = dict(zip(rows["filename"] + ".pklz", rows["sha256"], strict=True))
        held = packing.pack_volumes(folder, wanted, paths.sha256_of(index))
    size = paths.packed_volumes(folder).stat().st_size
    print(f"{subset}: {len(wanted)} volumes packed, {size:,} bytes" + f"; {held} were packed before" * bool(held))


if __name__ == "__main__":
    cli.run(main)
