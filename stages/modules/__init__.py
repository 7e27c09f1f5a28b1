"""Parts of networks and losses that pretraining methods and regimes share."""
