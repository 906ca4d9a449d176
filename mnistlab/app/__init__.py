"""The application: a page that reads pictures, a sketchpad and an HTTP interface, around one trained network.

``mnistlab serve`` starts it. Its packages come with the extra ``app``; :mod:`mnistlab.app.weights` needs none of them.
"""
