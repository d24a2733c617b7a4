"""Every kind of source that a recipe may name: a new one is one file and one line here."""

from __future__ import annotations

from pipeline.acquire.folder import FolderSpec
from pipeline.acquire.gallery import GallerySpec
from pipeline.acquire.gallery_dl import GalleryDlSpec
from pipeline.acquire.instagram import InstagramSpec
from pipeline.acquire.source import SourceSpec
from pipeline.acquire.urls import UrlsSpec
from pipeline.acquire.wikiart import WikiArtSpec

SOURCES: dict[str, type[SourceSpec]] = {
    FolderSpec.kind: FolderSpec,
    GallerySpec.kind: GallerySpec,
    GalleryDlSpec.kind: GalleryDlSpec,
    InstagramSpec.kind: InstagramSpec,
    UrlsSpec.kind: UrlsSpec,
    WikiArtSpec.kind: WikiArtSpec,
}
