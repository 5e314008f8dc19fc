"""The end of training: neurons on the teacher's directions, and the certificate that holds them there."""
