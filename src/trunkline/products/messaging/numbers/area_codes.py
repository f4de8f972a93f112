"""Area codes of the United States and Canada that serve the same area. Pure."""

from __future__ import annotations

from enum import IntEnum

OVERLAYS = """
201/551 203/475 205/659 206/253/360/425/564 208/986 209/350 210/726 212/332/646/917 718/347/929/917/465 213/323/738
214/469/972/945 215/267/445 217/447 224/847 236/250/604/672/778 248/947 256/938 270/364 281/346/621/713/832 240/301/227
303/720/983 304/681 305/786/645 306/474/639 309/861 310/424 312/773/872 314/557 315/680 317/463 321/407/689 234/330
336/743 339/781 351/978 385/801 402/531 403/587/780/825/368 404/470/678/770/943 405/572 408/669 410/443/667
412/724/878 415/628 416/437/647/942 418/581/367 419/567 204/431/584 438/514/263 450/579/354 480/602/623 484/610/835
503/971 506/428 508/774 510/341 512/737 513/283 516/363 518/838 226/519/548/382 530/837 540/826 458/541 559/357
561/728 272/570 571/703 601/769 608/353 609/640 343/613/753 380/614 615/629 617/857 618/730 619/858 630/331 631/934
657/714 249/705/683 707/369 708/464 716/624 717/223 732/848 740/220 747/818 754/954 757/948 442/760 779/815
782/902 803/839 804/686 805/820 813/656 814/582 816/975 817/682 819/873/468 843/854 845/329 850/448 860/959 862/973
430/903 904/324 289/365/905/742 840/909 472/910 916/279 919/984 920/274 930/812 937/326 704/980
"""
"""The codes that share an area, as of 2025 (inferred). A code may share one area with these and another with those:
917 serves all of New York, 212 and 718 different parts of it."""


class Nearness(IntEnum):
    """The nearness of two area codes; less is nearer. There is no distance between codes of different areas (doc)."""

    SAME = 0
    OVERLAY = 1
    OTHER = 2


def _partners() -> dict[str, frozenset[str]]:
    partners: dict[str, frozenset[str]] = {}
    for area in OVERLAYS.split():
        codes = area.split("/")
        for code in codes:
            partners[code] = partners.get(code, frozenset()).union(codes)
    return partners


_PARTNERS = _partners()


def same_area(one: str | None, other: str | None) -> Nearness:
    """Return the nearness of two area codes; None is that of a number without one, which is near to nothing."""
    if one is None or other is None:
        return Nearness.OTHER
    if one == other:
        return Nearness.SAME
    return Nearness.OVERLAY if other in _PARTNERS.get(one, ()) else Nearness.OTHER
