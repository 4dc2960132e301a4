"""``python -m backend.training gan``: from the settings in a run's folder to a model's file."""

from __future__ import annotations

from pathlib import Path

from tqdm import tqdm

from backend.models import storage

from .encoder import EncoderTrainer
from .encoder import Settings as EncoderSettings
from .folder import Prepared, prepare
from .gan_settings import GanSettings, read_settings
from .gan_trainer import GanTrainer, resolution_of
from .interruption import Interruption
from .pictures import FolderPictures, Pictures, RenderedPictures

PREPARED, SKIPPED = "prepared", "skipped.txt"
_NAMED = 10


def train(run: Path, output: Path, encoder_minutes: float, device: str) -> bool:
    """Prepare pictures, train, write the model; returns whether it came to its end.

    Args:
        run: folder with the settings (`gan_settings.write_settings`), and with what an earlier start left there.
        output: the model's file, ``.safetensors``.
        encoder_minutes: how long to train the model's encoder afterwards; 0 for not at all.
        device: ``cpu`` or ``cuda``.

    Raises:
        PullfaceError: settings, pictures or the model to start from are not usable.
    """
    settings = read_settings(run)
    pictures = real_pictures(run, settings)
    if pictures is None:
        return False
    trainer = GanTrainer(run, settings, pictures, device)
    augmentation = settings.augmentation(len(pictures))
    print(f"training on {len(pictures)} pictures, augmentation: {augmentation}", flush=True)
    finished = trainer.run()
    if not finished:
        return False
    trainer.export(output)
    print(f"wrote {output}", flush=True)
    return encoder_minutes <= 0 or _train_encoder(run, output, encoder_minutes, device)


def _train_encoder(run: Path, output: Path, minutes: float, device: str) -> bool:
    settings = EncoderSettings(minutes=minutes, renderer=False)
    trainer = EncoderTrainer(run, storage.read(output, device), settings, workers=0)
    finished = trainer.run()
    if finished:
        trainer.export(output, output)
        print(f"wrote its encoder into {output}", flush=True)
    return finished


def real_pictures(run: Path, settings: GanSettings) -> Pictures | None:
    """The run's real pictures; ``None`` when somebody stopped their preparation."""
    resolution = resolution_of(settings)
    if settings.data is None:
        return RenderedPictures(resolution, settings.seed)
    with Interruption() as interruption:
        bar = tqdm(unit=" files", desc="preparing pictures", mininterval=1)

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        prepared = prepare(
            Path(settings.data),
            run / PREPARED,
            resolution,
            "centre" if settings.framing == "centre" else "face",
            progress=progress,
            stopping=lambda: interruption.asked,
        )
        bar.close()
        if interruption.asked:
            return None
    _name_skipped(run, prepared)
    return FolderPictures(prepared.pictures, resolution, settings.seed, settings.mirror)


def _name_skipped(run: Path, prepared: Prepared) -> None:
    lines = [f"{name}: {reason}" for name, reason in prepared.skipped.items()]
    (run / SKIPPED).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for line in lines[:_NAMED]:
        print(f"left out {line}", flush=True)
    if len(lines) > _NAMED:
        print(f"and {len(lines) - _NAMED} more, see {run / SKIPPED}", flush=True)
    print(f"{len(prepared.pictures)} pictures are ready; look at them in {run / PREPARED}", flush=True)
