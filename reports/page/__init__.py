"""One page with everything: tables to sort and filter, figures, and every run. It needs no network, and makes none.

What a browser does is in page.js; sorting and filtering are list.js', the curves uPlot's, both in vendor/ with their
licences. A run's settings, curves and drawing are compressed and unpacked when they are looked at.
"""
