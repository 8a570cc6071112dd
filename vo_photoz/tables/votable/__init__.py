"""VOTable documents: read and written as trees, whole or batch by batch; rows apart."""
